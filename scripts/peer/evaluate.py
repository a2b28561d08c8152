"""The Python peer's evaluation job: scores on the held-out 30 %, a ROC curve and a precision-recall plot."""
import json
import sys
import joblib
import matplotlib
matplotlib.use("Agg")
import matplotlib.pyplot as plt
import pandas as pd
from sklearn import metrics
from sklearn.model_selection import train_test_split

source, model_file, folder = sys.argv[1:4]
frame = pd.read_csv(source)
features, label = frame.drop(columns="RainTomorrow"), frame["RainTomorrow"]
_, test_x, _, test_y = train_test_split(features, label, test_size=0.3, random_state=0)
model = joblib.load(model_file)
probability = model.predict_proba(test_x)[:, 1]
guess = probability > 0.5
json.dump(
    {
        "accuracy": metrics.accuracy_score(test_y, guess),
        "precision": metrics.precision_score(test_y, guess),
        "recall": metrics.recall_score(test_y, guess),
        "f1": metrics.f1_score(test_y, guess),
        "roc_auc": metrics.roc_auc_score(test_y, probability),
    },
    open(f"{folder}/metrics.json", "w"),
)
false_positive, true_positive, _ = metrics.roc_curve(test_y, probability)
plt.plot(false_positive, true_positive)
plt.savefig(f"{folder}/roc_curve.png", dpi=80)
plt.cla()
precision, recall, threshold = metrics.precision_recall_curve(test_y, probability)
plt.plot(threshold, precision[:-1])
plt.plot(threshold, recall[:-1])
plt.savefig(f"{folder}/precision_recall_curve.png", dpi=80)

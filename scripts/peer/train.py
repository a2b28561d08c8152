"""The Python peer's training job: StandardScaler and a random forest (200 trees, depth 10) on a 70/30 split."""
import sys
import joblib
import pandas as pd
import yaml
from sklearn.ensemble import RandomForestClassifier
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

source, target = sys.argv[1:3]
params = yaml.safe_load(open("params.yaml"))["train"]
frame = pd.read_csv(source)
features, label = frame.drop(columns="RainTomorrow"), frame["RainTomorrow"]
train_x, _, train_y, _ = train_test_split(features, label, test_size=0.3, random_state=0)
model = make_pipeline(
    StandardScaler(),
    RandomForestClassifier(params["trees"], max_depth=params["depth"], random_state=0, n_jobs=params["jobs"]),
)
joblib.dump(model.fit(train_x, train_y), target)

//! A model as an ONNX file (github.com/onnx/onnx, `onnx.proto3` has the numbers of the fields).
//!
//! One input, `features`: rows of single precision, NaN is missing. Two outputs, a column each: `margin` and
//! `probability`. What else a user must know stands in the metadata.

use super::protobuf::Message;
use crate::{Calibration, Ensemble, LearningError, Link, Model, Predictor, Result, models::Linear};

/// Versions of the file format and of both sets of operators: old enough for any runtime in use.
const IR_VERSION: i64 = 8;
const OPSET: i64 = 13;
const ML_OPSET: i64 = 3;
const ML: &str = "ai.onnx.ml";

/// Types of tensors' elements.
const FLOAT: i64 = 1;
const DOUBLE: i64 = 11;

/// The model as the bytes of an ONNX file. Runtimes sum leaves in single precision, so that a
/// probability is ours but for some millionths.
///
/// # Errors
/// If its calibration is isotonic: such a curve has steps, at which that difference would matter.
pub fn onnx(model: &Model) -> Result<Vec<u8>> {
    let mut graph = Graph::default();
    match &model.predictor {
        Predictor::Ensemble(ensemble) => graph.trees(ensemble),
        Predictor::Linear(linear) => graph.linear(linear),
    }
    match &model.calibration {
        None => graph.link(model.predictor.link()),
        Some(Calibration::Platt(platt)) => {
            graph.constant("slope", &[], &[platt.slope()]);
            graph.constant("intercept_of_calibration", &[], &[platt.intercept()]);
            graph.node("Mul", &["exact_margin", "slope"], "sloped");
            graph.node("Add", &["sloped", "intercept_of_calibration"], "log_odds");
            graph.node("Sigmoid", &["log_odds"], "exact_probability");
        }
        Some(Calibration::Isotonic(_)) => {
            return Err(LearningError::Data(
                "an isotonic calibration has steps, at which a runtime's rounding would matter: export it as json, or calibrate with platt"
                    .into(),
            ));
        }
    }
    graph.cast("exact_margin", "margin", FLOAT);
    graph.cast("exact_probability", "probability", FLOAT);
    Ok(file(model, graph))
}

/// Operators in the order they are computed in, and the constants they read.
#[derive(Default)]
struct Graph {
    nodes: Vec<Message>,
    constants: Vec<Message>,
}

impl Graph {
    fn add(
        &mut self,
        domain: &str,
        operator: &str,
        inputs: &[&str],
        output: &str,
        attributes: Vec<Message>,
    ) {
        let inputs = inputs
            .iter()
            .fold(Message::new(), |node, input| node.text(1, input));
        let node = inputs.text(2, output).text(3, output).text(4, operator);
        self.nodes
            .push(node.messages(5, attributes).text(7, domain));
    }

    fn node(&mut self, operator: &str, inputs: &[&str], output: &str) {
        self.add("", operator, inputs, output, Vec::new());
    }

    fn cast(&mut self, input: &str, output: &str, to: i64) {
        self.add("", "Cast", &[input], output, vec![int("to", to)]);
    }

    /// A tensor of double precision that `node`s read by its name.
    fn constant(&mut self, name: &str, shape: &[usize], values: &[f64]) {
        let shape = shape
            .iter()
            .fold(Message::new(), |tensor, size| tensor.int(1, *size as i64));
        let raw: Vec<u8> = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.constants
            .push(shape.int(2, DOUBLE).text(8, name).bytes(9, &raw));
    }

    /// The margin of an ensemble.
    fn trees(&mut self, ensemble: &Ensemble) {
        let mut lists = Lists::default();
        for (tree, nodes) in ensemble.trees().iter().enumerate() {
            lists.add(tree as i64, &nodes.nodes);
        }
        if lists.tree.is_empty() {
            // A forest without trees: the operator takes none, and a leaf worth nothing adds nothing.
            lists.add(0, &[crate::Node::leaf(0.0, 1.0)]);
        }
        self.add(
            ML,
            "TreeEnsembleRegressor",
            &["features"],
            "leaves",
            lists.attributes(),
        );
        self.cast("leaves", "exact_leaves", DOUBLE);
        self.constant("base", &[], &[ensemble.base()]);
        self.node("Add", &["exact_leaves", "base"], "exact_margin");
    }

    /// The margin of a weighted sum, with its imputation and standardisation, in double precision.
    fn linear(&mut self, linear: &Linear) {
        let terms = linear.terms();
        let column =
            |of: fn(&crate::models::linear::Term) -> f64| terms.iter().map(of).collect::<Vec<_>>();
        let width = [terms.len()];
        self.constant("fill", &width, &column(|term| f64::from(term.fill)));
        self.constant("mean", &width, &column(|term| term.mean));
        self.constant("scale", &width, &column(|term| term.scale));
        self.constant("weight", &[terms.len(), 1], &column(|term| term.weight));
        self.constant("intercept", &[], &[linear.intercept()]);
        self.constant("lowest", &[], &[f64::from(f32::MIN)]);
        self.constant("highest", &[], &[f64::from(f32::MAX)]);
        self.cast("features", "known", DOUBLE);
        self.node("IsNaN", &["features"], "missing");
        self.node("Where", &["missing", "fill", "known"], "filled");
        self.node("Clip", &["filled", "lowest", "highest"], "finite");
        self.node("Sub", &["finite", "mean"], "centred");
        self.node("Div", &["centred", "scale"], "standardised");
        self.node("MatMul", &["standardised", "weight"], "weighed");
        self.node("Add", &["weighed", "intercept"], "exact_margin");
    }

    fn link(&mut self, link: Link) {
        match link {
            Link::Logistic => self.node("Sigmoid", &["exact_margin"], "exact_probability"),
            Link::Identity => {
                self.constant("nothing", &[], &[0.0]);
                self.constant("certain", &[], &[1.0]);
                self.node(
                    "Clip",
                    &["exact_margin", "nothing", "certain"],
                    "exact_probability",
                );
            }
        }
    }
}

/// The attributes of a TreeEnsembleRegressor, an entry for each node, and for each leaf.
#[derive(Default)]
struct Lists {
    tree: Vec<i64>,
    node: Vec<i64>,
    feature: Vec<i64>,
    mode: Vec<&'static str>,
    threshold: Vec<f32>,
    left: Vec<i64>,
    right: Vec<i64>,
    missing_left: Vec<i64>,
    leaf_tree: Vec<i64>,
    leaf_node: Vec<i64>,
    leaf_value: Vec<f32>,
}

impl Lists {
    fn add(&mut self, tree: i64, nodes: &[crate::Node]) {
        for (at, node) in nodes.iter().enumerate() {
            self.tree.push(tree);
            self.node.push(at as i64);
            self.feature.push(i64::from(node.feature));
            self.missing_left.push(i64::from(node.missing_left));
            self.threshold.push(node.threshold);
            let left = i64::from(node.left);
            self.left.push(left);
            if node.is_leaf() {
                self.mode.push("LEAF");
                self.right.push(0);
                self.leaf_tree.push(tree);
                self.leaf_node.push(at as i64);
                self.leaf_value.push(node.value);
            } else {
                self.mode.push("BRANCH_LT");
                self.right.push(left + 1);
            }
        }
    }

    fn attributes(&self) -> Vec<Message> {
        vec![
            int("n_targets", 1),
            ints("nodes_treeids", &self.tree),
            ints("nodes_nodeids", &self.node),
            ints("nodes_featureids", &self.feature),
            strings("nodes_modes", &self.mode),
            floats("nodes_values", &self.threshold),
            ints("nodes_truenodeids", &self.left),
            ints("nodes_falsenodeids", &self.right),
            ints("nodes_missing_value_tracks_true", &self.missing_left),
            ints("target_treeids", &self.leaf_tree),
            ints("target_nodeids", &self.leaf_node),
            ints("target_ids", &vec![0; self.leaf_node.len()]),
            floats("target_weights", &self.leaf_value),
        ]
    }
}

/// An attribute: its name, its value, and of which type that is.
fn attribute(name: &str, value: impl FnOnce(Message) -> Message, kind: i64) -> Message {
    value(Message::new().text(1, name)).int(20, kind)
}

fn int(name: &str, value: i64) -> Message {
    attribute(name, |message| message.int(3, value), 2)
}

fn floats(name: &str, values: &[f32]) -> Message {
    let all = |message| {
        values
            .iter()
            .fold(message, |m: Message, value| m.float(7, *value))
    };
    attribute(name, all, 6)
}

fn ints(name: &str, values: &[i64]) -> Message {
    let all = |message| {
        values
            .iter()
            .fold(message, |m: Message, value| m.int(8, *value))
    };
    attribute(name, all, 7)
}

fn strings(name: &str, values: &[&str]) -> Message {
    let all = |message| {
        values
            .iter()
            .fold(message, |m: Message, value| m.text(9, value))
    };
    attribute(name, all, 8)
}

/// A column or table of single precision; `rows` as many as there are.
fn tensor(name: &str, columns: usize) -> Message {
    let rows = Message::new().text(2, "rows");
    let columns = Message::new().int(1, columns as i64);
    let shape = Message::new().messages(1, [rows, columns]);
    let kind = Message::new().int(1, FLOAT).message(2, shape);
    Message::new()
        .text(1, name)
        .message(2, Message::new().message(1, kind))
}

fn file(model: &Model, graph: Graph) -> Vec<u8> {
    let metadata = &model.metadata;
    let names: Vec<&str> = metadata.features.iter().map(|f| f.name.as_str()).collect();
    let graph = Message::new()
        .messages(1, graph.nodes)
        .text(2, &metadata.name)
        .messages(5, graph.constants)
        .message(11, tensor("features", names.len()))
        .messages(12, [tensor("margin", 1), tensor("probability", 1)]);
    let opset = |domain: &str, version| Message::new().text(1, domain).int(2, version);
    let property = |key: &str, value: &str| Message::new().text(1, key).text(2, value);
    Message::new()
        .int(1, IR_VERSION)
        .text(2, "mlops")
        .text(3, &metadata.toolkit)
        .message(7, graph)
        .messages(8, [opset("", OPSET), opset(ML, ML_OPSET)])
        .messages(
            14,
            [
                property("features", &names.join(",")),
                property("classes", &metadata.classes.join(",")),
                property("threshold", &metadata.threshold.to_string()),
            ],
        )
        .into_bytes()
}

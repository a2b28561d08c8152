/**
 * A model in the browser: reads what `rain export --format json` writes, of any kind, and says what the
 * program says, to the bit.
 *
 *     import { Model } from "./model.js";
 *     const model = new Model(await (await fetch("model.json")).json());
 *     const { margin, probability, decision } = model.predict({ humidity_3pm: 71, pressure_3pm: 1008.2 });
 *
 * The bits are the same because every step is: IEEE 754 fixes what + − × ÷ give in double precision, which
 * is all that JavaScript has, and `Math.fround` rounds to the single precision of features, thresholds and
 * leaves. `Math.exp` isn't fixed, so the logistic function is made of + − × ÷ as well.
 */

const VERSION = 1; // of the format, as this reader knows it
const LARGEST = 3.4028234663852886e38; // number of single precision

// The logistic function. The numbers are explained where they come from: example/crates/learning/src/sigmoid.rs.
const [LN2_HIGH, LN2_LOW] = [6.931471803691238e-1, 1.9082149292705877e-10];
const ROUND = 6755399441055744;
const SERIES = [1 / 6, -1 / 360, 1 / 15120, -1 / 604800, 1 / 23950080, -691 / 653837184000].reverse();

/** exp(−x) for x ≥ 0. */
function expNegative(x) {
  if (x > 746) return 0;
  const k = x * Math.LOG2E + ROUND - ROUND;
  const high = k * LN2_HIGH - x;
  const low = k * LN2_LOW;
  const r = high + low;
  const square = r * r;
  let series = 0;
  for (const coefficient of SERIES) series = square * (coefficient + series);
  const c = r - series;
  let power = 1 + (high + (low + (r * c) / (2 - c)));
  for (let left = k, halving = 0.5; halving > 0; left = Math.floor(left / 2), halving *= halving) {
    if (left % 2 === 1) power *= halving;
  }
  return power;
}

/** The logistic function 1 / (1 + exp(−x)): log-odds as a probability. NaN gives NaN. */
export function sigmoid(x) {
  if (x >= 0) return 1 / (1 + expNegative(x));
  const power = expNegative(-x);
  return power / (1 + power);
}

/** A rising curve of straight lines between knots [margin, probability], level beyond them. */
function interpolate(knots, margin) {
  if (Number.isNaN(margin)) return NaN;
  let above = 0;
  for (let end = knots.length; above < end; ) {
    const middle = (above + end) >> 1;
    if (knots[middle][0] <= margin) above = middle + 1;
    else end = middle;
  }
  if (above === 0) return knots[0][1];
  if (above === knots.length) return knots[above - 1][1];
  const [left, right] = [knots[above - 1], knots[above]];
  const way = (margin - left[0]) / (right[0] - left[0]);
  return Math.min(left[1] + (right[1] - left[1]) * way, right[1]);
}

// ANCHOR: trees
/** Base and one leaf of each tree, in their order. */
function sumOfLeaves(trees, row) {
  const { step, feature, missing_left, number } = trees;
  let sum = trees.base;
  for (const root of trees.roots) {
    let at = root;
    while (step[at] > 0) {
      const value = row[feature[at]];
      const left = value < number[at] || (Number.isNaN(value) && missing_left[at] === 1);
      at += left ? step[at] : step[at] + 1;
    }
    sum += number[at];
  }
  return sum;
}

// ANCHOR_END: trees
/** Filled and standardised features, each by its weight. */
function weightedSum(linear, row) {
  return linear.terms.reduce((sum, term, at) => {
    const value = Number.isNaN(row[at]) ? Math.fround(term.fill) : row[at];
    const held = Math.max(-LARGEST, Math.min(LARGEST, value));
    return sum + term.weight * ((held - term.mean) / term.scale);
  }, linear.intercept);
}

/** A model that was exported as JSON. */
export class Model {
  /**
   * @param {object} exported what `JSON.parse` made of the file
   * @throws {Error} if the file is of a version that this reader doesn't know, or if it gets other bits for
   *   one of the model's golden rows
   */
  constructor(exported) {
    if (exported.version !== VERSION) {
      throw new Error(`the model has version ${exported.version}, this page reads ${VERSION}: export it again`);
    }
    Object.assign(this, exported);
    const { trees, linear } = exported.predictor;
    if (trees) {
      this.trees = {
        ...trees,
        step: Uint32Array.from(trees.step),
        feature: Uint16Array.from(trees.feature),
        // Rounded here, once; 1e39, which stands for infinity, becomes it.
        number: Float32Array.from(trees.number),
      };
    }
    this.linear = linear;
    for (const golden of exported.golden) {
      const { margin, probability } = this.predict(golden.features);
      if (margin !== golden.margin || probability !== golden.probability) {
        throw new Error(`a golden row gives ${margin} and not ${golden.margin}: don't use this model here`);
      }
    }
  }

  /** The features as a row: from an array in the model's order or an object by name; null or none is missing. */
  row(features) {
    const listed = features[Symbol.iterator] !== undefined;
    const unknown = listed ? [] : Object.keys(features).filter((name) => !this.features.includes(name));
    const values = listed ? features : this.features.map((name) => features[name]);
    if (unknown.length > 0 || values.length !== this.features.length) {
      throw new Error(`${values.length} values for ${this.features.length} features ${unknown}`);
    }
    return Float32Array.from(values, (value) => value ?? NaN);
  }

  /** What the model says of features: `{ margin, probability, decision }`. */
  predict(features) {
    const row = this.row(features);
    const margin = this.trees ? sumOfLeaves(this.trees, row) : weightedSum(this.linear, row);
    const probability = this.probability(margin);
    return { margin, probability, decision: this.classes[probability >= this.threshold ? 1 : 0] };
  }

  /** What a margin is worth as a probability. */
  probability(margin) {
    const { Platt: platt, Isotonic: isotonic } = this.calibration ?? {};
    if (platt) return sigmoid(platt.slope * margin + platt.intercept);
    if (isotonic) return interpolate(isotonic.knots, margin);
    if (this.trees?.link !== "Identity") return sigmoid(margin);
    return margin < 0 ? 0 : margin > 1 ? 1 : margin;
  }
}

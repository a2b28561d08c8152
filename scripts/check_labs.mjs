// Whether the browser's reader says what the program says, to the bit.
//
//     node scripts/check_labs.mjs MODEL.json ROWS.jsonl
//
// ROWS.jsonl is what `rain predict --features` wrote by the same model. Prints how many rows it compared.

import { readFileSync } from "node:fs";
import { Model } from "../book/labs/model.js";

const [modelFile, rowsFile] = process.argv.slice(2);
const model = new Model(JSON.parse(readFileSync(modelFile, "utf8")));
const rows = readFileSync(rowsFile, "utf8").trimEnd().split("\n").map((line) => JSON.parse(line));
const seen = new Set();
let missing = 0;
for (const [at, row] of rows.entries()) {
  const values = model.features.map((name) => {
    if (!(name in row)) throw new Error(`${rowsFile}: no ${name}`);
    return row[name];
  });
  const said = model.predict(values);
  for (const part of ["margin", "probability"]) {
    if (!Object.is(said[part], row[part])) {
      console.error(`row ${at + 1}: ${part} ${said[part]} in JavaScript, ${row[part]} in Rust`);
      process.exit(1);
    }
  }
  seen.add(said.margin);
  missing += values.filter((value) => value === null).length;
}
if (seen.size < 10 || missing === 0) {
  console.error(`${seen.size} different margins and ${missing} missing values in ${rows.length} rows prove little`);
  process.exit(1);
}
console.log(rows.length);

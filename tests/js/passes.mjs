// Reads graphs with their programs and inputs as JSON; writes the numbers and gradients that the page computes.
import { readFileSync } from "node:fs";
import { bothPasses } from "../../tinygrad_edu/see/explore/page.js";

const subjects = JSON.parse(readFileSync(0, "utf-8"));
const results = subjects.map(({ graph, program, inputs }) => {
  const values = new Function(`${program}; return values;`)();
  return inputs.map((x) => {
    const { data, slope, grad } = bothPasses(graph, values, x);
    return { data, slope, grad };
  });
});
process.stdout.write(JSON.stringify(results));

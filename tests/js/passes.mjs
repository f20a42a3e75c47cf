// Reads graphs with their programs and inputs as JSON; writes the numbers and gradients that the page computes.
import { readFileSync } from "node:fs";
import { bothPasses, bestPaths, budget, mistakes, pathCount } from "../../tinygrad_edu/see/explore/page.js";

const subjects = JSON.parse(readFileSync(0, "utf-8"));
const results = subjects.map(({ graph, program, inputs }) => {
  const values = new Function(`${program}; return values;`)();
  return inputs.map((x) => {
    const now = bothPasses(graph, values, x);
    return {
      ...now,
      paths: graph.leaves.map((leaf) => pathCount(graph, leaf)),
      products: graph.leaves.map((leaf) => bestPaths(graph, now.slope, leaf, 8).map(({ product }) => product)),
      budgets: graph.leaves.map((leaf) => budget(graph, now, leaf).map(({ factor }) => factor)),
      mistakes: graph.leaves.map((leaf) => mistakes(graph, now, leaf)),
    };
  });
});
process.stdout.write(JSON.stringify(results));

// tau dV/dt = E - V + R I; V > threshold: V = reset for the refractory time. Each step is exact.

const STEP_S = 1e-4;
const END_S = 0.2;
const ONSET_S = 0.02;
const SPIKE_V = -0.02; // where the line of a spike ends

const lifTrace = (cell) => {
  const decay = Math.exp(-STEP_S / cell.tau_mem_s);
  const points = [];
  let [v, free] = [cell.leak_v, 0];
  for (let i = 0; i <= Math.round(END_S / STEP_S); i += 1) {
    const t = i * STEP_S;
    points.push([1e3 * t, 1e3 * v]);
    const limit = cell.leak_v + (t >= ONSET_S ? cell.resistance_ohm * cell.current_a : 0);
    if (i >= free) v = limit + (v - limit) * decay;
    if (v > cell.threshold_v) {
      points.push([1e3 * t, 1e3 * SPIKE_V], [1e3 * t, 1e3 * cell.reset_v]);
      v = cell.reset_v;
      free = i + 1 + Math.round(cell.refractory_s / STEP_S);
    }
  }
  return points;
};

const lifRate = (cell) => {
  const limit = cell.leak_v + cell.resistance_ohm * cell.current_a;
  if (limit <= cell.threshold_v) return 0;
  const rise = Math.log((limit - cell.reset_v) / (limit - cell.threshold_v));
  return 1 / (cell.refractory_s + cell.tau_mem_s * rise);
};

for (const figure of document.querySelectorAll('[data-kind="lif"]')) {
  follow(figure, (stage, cell, tell) => {
    const plot = axes(stage, [0, 1e3 * END_S], [-90, 1e3 * SPIKE_V]);
    const threshold = 1e3 * cell.threshold_v;
    plot.line([[0, threshold], [1e3 * END_S, threshold]], "limit");
    plot.line([[0, -90], [1e3 * ONSET_S, -90], [1e3 * ONSET_S, -90 + 2e10 * cell.current_a],
      [1e3 * END_S, -90 + 2e10 * cell.current_a]], "line-2");
    plot.line(lifTrace(cell), "line-1");
    tell("rate", `${short(lifRate(cell))} Hz`);
    tell("rheobase", `${short((1e9 * (cell.threshold_v - cell.leak_v)) / cell.resistance_ohm)} nA`);
    tell("rest", `${short(1e3 * (cell.leak_v + cell.resistance_ohm * cell.current_a))} mV`);
  });
}

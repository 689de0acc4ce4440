// W(s) = A+ exp(-s / tau+) for s = t_post - t_pre >= 0, else -A- exp(s / tau-).

const REACH_S = 0.1;
const POINTS = 200;

const stdpWindow = (rule, s) => (s >= 0
  ? rule.a_plus * Math.exp(-s / rule.tau_plus_s)
  : -rule.a_minus * Math.exp(s / rule.tau_minus_s));

for (const figure of document.querySelectorAll('[data-kind="stdp"]')) {
  follow(figure, (stage, rule, tell) => {
    const reach = 1e3 * Math.max(rule.a_plus, rule.a_minus) * 1.1;
    const plot = axes(stage, [-1e3 * REACH_S, 1e3 * REACH_S], [-reach, reach]);
    const side = (sign) => Array.from({ length: POINTS + 1 }, (_, i) => {
      const s = (sign * REACH_S * i) / POINTS || sign * Number.MIN_VALUE;
      return [1e3 * s, 1e3 * stdpWindow(rule, s)];
    });
    plot.line([[-1e3 * REACH_S, 0], [1e3 * REACH_S, 0]], "limit");
    plot.line(side(1), "line-1");
    plot.line(side(-1), "line-2");
    const change = stdpWindow(rule, rule.distance_s);
    plot.dot(1e3 * rule.distance_s, 1e3 * change);
    tell("change", `${short(1e3 * change)} · 10⁻³`);
    const [down, up] = [rule.a_minus * rule.tau_minus_s, rule.a_plus * rule.tau_plus_s];
    tell("balance", short(down / up));
  });
}

// What a threshold does, as arithmetic: rates, predictive values, counts of people, costs. The same numbers as
// pneumo/lessons/thresholds.py (a test holds it). Shares are 0..1.

// The standard normal distribution function, to 1e-12.
export function normal(z) {
  if (z < -8) return 0;
  if (z > 8) return 1;
  // Marsaglia 2004: cdf = 1/2 + density * (z + z^3/3 + z^5/(3*5) + ...), exact to the last digits for |z| <= 8.
  let sum = z, term = z;
  for (let n = 3; Math.abs(term) > 1e-17 * Math.abs(sum) && n < 400; n += 2) { term *= (z * z) / n; sum += term; }
  return z === 0 ? 0.5 : 0.5 + (sum * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
}

// Two bell curves of width 1, without pneumonia around 0 and with it around `apart`.
export const binormal = (threshold, apart) => ({ sensitivity: 1 - normal(threshold - apart), specificity: normal(threshold) });

// Measured scores: sorted arrays of both classes; called PNEUMONIA at or above the threshold.
export function empirical(threshold, without, withIt) {
  const below = (sorted) => { let low = 0, high = sorted.length; while (low < high) { const middle = (low + high) >> 1; if (sorted[middle] < threshold) low = middle + 1; else high = middle; } return low; };
  return { sensitivity: 1 - below(withIt) / withIt.length, specificity: below(without) / without.length };
}

// Predictive values at a prevalence; null where nobody is called so.
export function predictive({ sensitivity, specificity }, prevalence) {
  const tp = prevalence * sensitivity, fp = (1 - prevalence) * (1 - specificity), fn = prevalence * (1 - sensitivity), tn = (1 - prevalence) * specificity;
  return { ppv: tp + fp > 0 ? tp / (tp + fp) : null, npv: tn + fn > 0 ? tn / (tn + fn) : null };
}

// Whole people: with pneumonia rounded first, then each of both groups split; the four add up to `people`.
export function counts({ sensitivity, specificity }, prevalence, people) {
  const sick = Math.round(prevalence * people), healthy = people - sick, tp = Math.round(sensitivity * sick), tn = Math.round(specificity * healthy);
  return { tp, fn: sick - tp, tn, fp: healthy - tn };
}

// What the errors cost among `people`, in false alarms: a missed case counts as `miss` of them.
export const cost = (rates, prevalence, people, miss) => people * (miss * prevalence * (1 - rates.sensitivity) + (1 - prevalence) * (1 - rates.specificity));

// The cheapest of these thresholds; the first of equals.
export function cheapest(thresholds, ratesAt, prevalence, miss) {
  let best = thresholds[0], least = Infinity;
  for (const each of thresholds) { const now = cost(ratesAt(each), prevalence, 1, miss); if (now < least - 1e-12) [least, best] = [now, each]; }
  return best;
}

// The chance that a case with pneumonia scores higher than one without; ties count half.
export function auroc(without, withIt) {
  let won = 0;
  for (const one of withIt) for (const other of without) won += one > other ? 1 : one === other ? 0.5 : 0;
  return won / (without.length * withIt.length);
}

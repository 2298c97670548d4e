// The arithmetic of class activation maps, in the browser. maps, gradients: {channels, height, width, values}, values channel by
// channel, row by row; on: whether each channel counts. sign is 1 for the class whose logit it is, -1 for the other.

export const SIZE = (maps) => maps.height * maps.width;

// Mean gradient of each channel: how much the logit moves with that channel.
export function channelWeights(gradients, sign = 1) {
  const size = SIZE(gradients);
  return Float64Array.from({ length: gradients.channels }, (_, channel) => {
    let total = 0;
    for (let n = 0; n < size; n++) total += gradients.values[channel * size + n];
    return (sign * total) / size;
  });
}

// What one channel adds to the map, cell by cell. method: "gradcam", "hirescam" or "layercam".
export function contribution(maps, gradients, channel, method, weights, sign = 1) {
  const size = SIZE(maps), result = new Float64Array(size);
  for (let n = 0; n < size; n++) {
    const value = maps.values[channel * size + n], slope = sign * gradients.values[channel * size + n];
    result[n] = value * (method === "gradcam" ? weights[channel] : method === "hirescam" ? slope : Math.max(slope, 0));
  }
  return result;
}

// The signed sum over the channels that are on.
export function weightedSum(maps, gradients, method, { on = null, sign = 1 } = {}) {
  const size = SIZE(maps), result = new Float64Array(size), weights = channelWeights(gradients, sign);
  for (let channel = 0; channel < maps.channels; channel++) {
    if (on && !on[channel]) continue;
    const part = contribution(maps, gradients, channel, method, weights, sign);
    for (let n = 0; n < size; n++) result[n] += part[n];
  }
  return result;
}

export const positive = (map) => Float64Array.from(map, (value) => Math.max(0, value));

// How much a channel moves the map: the sum of its contributions without their signs.
export function importance(maps, gradients, method, sign = 1) {
  const weights = channelWeights(gradients, sign);
  return Float64Array.from({ length: maps.channels }, (_, channel) =>
    contribution(maps, gradients, channel, method, weights, sign).reduce((sum, value) => sum + Math.abs(value), 0));
}

// Bilinear, pixel centres at (i + 1/2) / n, as torch's interpolate(align_corners=False).
export function enlarge(map, height, width, size) {
  const result = new Float64Array(size * size);
  const place = (n, from) => {
    const at = Math.max(0, ((n + 0.5) * from) / size - 0.5), low = Math.min(Math.floor(at), from - 1);
    return [low, Math.min(low + 1, from - 1), at - low];
  };
  for (let row = 0; row < size; row++) {
    const [top, bottom, down] = place(row, height);
    for (let column = 0; column < size; column++) {
      const [left, right, along] = place(column, width);
      const upper = map[top * width + left] * (1 - along) + map[top * width + right] * along;
      const lower = map[bottom * width + left] * (1 - along) + map[bottom * width + right] * along;
      result[row * size + column] = upper * (1 - down) + lower * down;
    }
  }
  return result;
}

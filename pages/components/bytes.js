// Numbers as they travel: base64 of little-endian arrays, which JSON would make four times as long.

export function bytes(text) {
  const raw = atob(text), result = new Uint8Array(raw.length);
  for (let n = 0; n < raw.length; n++) result[n] = raw.charCodeAt(n);
  return result;
}

export const float32 = (text) => new Float32Array(bytes(text).buffer);

// Half floats (IEEE 754 binary16): not every browser has Float16Array.
export function halves(text) {
  const read = new Uint16Array(bytes(text).buffer), result = new Float32Array(read.length);
  for (let n = 0; n < read.length; n++) {
    const bits = read[n], sign = bits & 0x8000 ? -1 : 1, exponent = (bits >> 10) & 31, fraction = bits & 1023;
    result[n] = exponent === 31 ? (fraction ? NaN : sign * Infinity) : sign * (exponent ? 2 ** (exponent - 15) * (1 + fraction / 1024) : (2 ** -14 * fraction) / 1024);
  }
  return result;
}

// The reverse of `bytes`.
export function base64(numbers) {
  let raw = "";
  for (let n = 0; n < numbers.length; n += 8192) raw += String.fromCharCode(...numbers.subarray(n, n + 8192));
  return btoa(raw);
}

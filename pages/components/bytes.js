// Numbers as they travel: base64 of little-endian arrays, which JSON would make four times as long.

export function bytes(text) {
  const raw = atob(text), result = new Uint8Array(raw.length);
  for (let n = 0; n < raw.length; n++) result[n] = raw.charCodeAt(n);
  return result;
}

export const float32 = (text) => new Float32Array(bytes(text).buffer);
export const uint8 = bytes;

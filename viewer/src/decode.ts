// A part of an address as it was before it was encoded, or as it stands.

export function decode(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return part
  }
}

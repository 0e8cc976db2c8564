// Which job a page is of.

/** The job of a path in which so many segments follow its id, as it was sent. */
export function jobOf(path: string, after: number): string {
  return decode(path.replace(/\/$/, '').split('/').at(-1 - after) ?? '')
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

// Which job a page is of.

import { decode } from './decode.ts'

/** The job of a path in which so many segments follow its id, as it was sent. */
export function jobOf(path: string, after: number): string {
  return decode(path.replace(/\/$/, '').split('/').at(-1 - after) ?? '')
}

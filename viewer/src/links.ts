// URLs in a text: http and https only, without the punctuation around them.

export type Range = readonly [from: number, to: number]

const url = /\bhttps?:\/\/[^\s<>"'`\x00-\x1f\u2028\u2029]+/gi

export function links(text: string): Range[] {
  if (!text.includes('://')) return []
  const found: Range[] = []
  for (const m of text.matchAll(url)) {
    const link = trimmed(m[0])
    if (valid(link)) found.push([m.index, m.index + link.length])
  }
  return found
}

function trimmed(link: string): string {
  for (;;) {
    const last = link.at(-1)!
    if ('.,;:!?*|…'.includes(last)) link = link.slice(0, -1)
    else if (last === ')' && count(link, '(') < count(link, ')')) link = link.slice(0, -1)
    else if (last === ']' && count(link, '[') < count(link, ']')) link = link.slice(0, -1)
    else if (last === '}' && count(link, '{') < count(link, '}')) link = link.slice(0, -1)
    else return link
  }
}

const count = (text: string, c: string) => text.split(c).length - 1

function valid(link: string): boolean {
  try {
    const { protocol, hostname } = new URL(link)
    return (protocol === 'http:' || protocol === 'https:') && hostname !== ''
  } catch {
    return false
  }
}

// URLs in a text: http and https only, without the punctuation around them.

export type Range = readonly [from: number, to: number]

const LONGEST = 8192 // no server takes longer ones
const url = /\bhttps?:\/\/[^\s<>"'`\x00-\x1f\u2028\u2029]+/gi

export function links(text: string): Range[] {
  if (!text.includes('://')) return []
  const found: Range[] = []
  for (const m of text.matchAll(url)) {
    if (m[0].length > LONGEST) continue
    const link = trimmed(m[0])
    if (valid(link)) found.push([m.index, m.index + link.length])
  }
  return found
}

function trimmed(link: string): string {
  const spare: Record<string, number> = {} // closing brackets more than opening ones
  for (const [open, close] of ['()', '[]', '{}'] as unknown as [string, string][]) spare[close] = count(link, close) - count(link, open)
  let end = link.length
  for (let last; (last = link[end - 1]!), '.,;:!?*|…'.includes(last) || spare[last]!-- > 0;) end--
  return link.slice(0, end)
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

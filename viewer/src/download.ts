// The whole log as a file: the same URL in another format.

import { decode } from './decode.ts'

export function downloadURL(src: string, format: 'text' | 'ndjson'): string {
  const url = new URL(src, location.href)
  url.searchParams.set('format', format)
  url.searchParams.set('follow', 'false')
  return url.href
}

export function fileName(src: string, format: 'text' | 'ndjson'): string {
  const parts = new URL(src, location.href).pathname.split('/').filter(Boolean)
  const name = (parts.at(-1) === 'logs' ? parts.at(-2) : parts.at(-1)) ?? 'job'
  return decode(name).replace(/[^\w.-]+/g, '_') + (format === 'text' ? '.log' : '.ndjson')
}

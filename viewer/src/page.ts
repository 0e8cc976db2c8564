// The page around a log: which job it is of, and its title.

import { decode } from './decode.ts'

const log = document.querySelector('job-log')!
const meta = document.querySelector<HTMLMetaElement>('meta[name="job-log-src"]')
const path = location.pathname.replace(/\/$/, '')
const job = decode(path.split('/').at(-1) ?? '')

function source(): string {
  const url = new URL(meta?.content || path + '/logs', location.href)
  const link = new URLSearchParams(location.search).get('link')
  if (link) url.searchParams.set('link', link)
  return url.href
}

document.title = job
log.addEventListener('joblog', (e) => {
  document.title = `${job} · ${(e as CustomEvent<{ name: string }>).detail.name}`
})
document.querySelector('h1')!.textContent = job
log.setAttribute('src', source())

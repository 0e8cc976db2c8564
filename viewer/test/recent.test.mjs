import { test } from 'node:test'
import assert from 'node:assert/strict'
import { src } from './load.mjs'

const { jobsOf, nameOf, matches, inPlace, linkTo } = src.recent
const { ago } = src.time
const job = (id, state = 'running', ended = false) => ({ id, state, ended, time: 0 })
const names = (jobs) => jobs.map((j) => j.id).join(' ')

test('jobs of an answer, whose times are seconds, milliseconds or none', () => {
  const jobs = jobsOf({ jobs: [
    { id: 'a', state: 'running', ended: false, event_id: 3, event_time: 1700000000 },
    { id: '7', state: 'completed', ended: true, event_id: 2, event_time: 1700000000123 },
    { id: '<b>', state: '', ended: true, event_id: 1 },
  ] })
  assert.deepEqual(jobs.map((j) => j.time), [1700000000000, 1700000000123, NaN])
  assert.deepEqual(jobs.map(nameOf), ['running', 'completed', 'ended'])
  assert.equal(names(jobs), 'a 7 <b>')
})

test('words that are looked for', () => {
  for (const words of ['', 'BUILD', '42', 'fail', 'build failed', 'failed 42']) assert.ok(matches(job('build-42', 'Failed'), words), words)
  for (const words of ['43', 'build running', '.*']) assert.ok(!matches(job('build-42', 'Failed'), words), words)
})

test('rows stay where they are while somebody is on them', () => {
  const jobs = [job('d'), job('a'), job('e'), job('b')]
  assert.equal(names(inPlace(jobs, ['a', 'b', 'c', 'd'])), 'a b d e')
  assert.equal(names(inPlace(jobs, [])), 'd a e b')
})

test('links stay in the directory, whatever an id is', () => {
  const base = 'https://site.example/jobs/'
  for (const id of ['42', 'a/b', '../x', '//evil.example', 'javascript:alert(1)', 'a?b#c', '%2e%2e', '"><b>', 'é', '\\\\evil']) {
    const url = new URL(linkTo(id), base)
    assert.equal(url.origin + url.pathname.replace(/[^/]*$/, ''), base, id)
    assert.equal(decodeURIComponent(url.pathname.slice('/jobs/'.length)), id)
    assert.equal(url.search + url.hash, '', id)
  }
  assert.deepEqual(['.', '..'].map(linkTo), ['', ''])
})

test('how long ago something was', () => {
  const of = (s) => ago(s * 1000)
  assert.deepEqual([-5, 0, 1.9, 2, 59.9, 60, 3599, 3600, 86_399, 86_400, 1e7].map(of),
    ['now', 'now', 'now', '2 s ago', '59 s ago', '1 min ago', '59 min ago', '1 h ago', '23 h ago', '1 d ago', '115 d ago'])
  assert.equal(ago(NaN), '')
})

test('who fails asks less and less often', () => {
  assert.deepEqual([0, 1, 2, 3, 4, 50].map(src.poll.pauseAfter), [3000, 6000, 12_000, 24_000, 30_000, 30_000])
})

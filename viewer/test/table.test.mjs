import { test } from 'node:test'
import assert from 'node:assert/strict'
import { element } from './dom.mjs'
import { src } from './load.mjs'

test('rows that stay are left where they are, so that focus stays in them', () => {
  const body = element('tbody'), table = new src.table.Table(body)
  const jobs = (ids) => [...ids].map((id) => ({ id, state: '', ended: false, time: 0 }))
  const rows = () => body.childNodes.map((r) => r.textContent).join('')
  const show = (ids) => {
    for (const row of body.childNodes) row.moves = 0
    table.jobs = jobs(ids)
    assert.equal(rows(), ids)
    return body.childNodes.filter((r) => r.moves).map((r) => r.textContent).join('')
  }
  assert.equal(show('abcde'), 'abcde')
  assert.equal(show('bcde'), '')
  assert.equal(show('bde'), '')
  assert.equal(show('xbydz'), 'xyz')
  assert.equal(show('dxbyz'), 'd')
  assert.equal(show('qb'), 'q')
})

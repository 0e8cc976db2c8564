import { test } from 'node:test'
import assert from 'node:assert/strict'
import { element } from './dom.mjs'
import { src } from './load.mjs'

globalThis.location = new URL('http://a.example/jobs/1')

// A toolbar, and what it commands.
function toolbar(at = '/jobs/1/logs', job = '') {
  const told = [], tell = (name) => (...args) => told.push([name, ...args])
  const commands = { search: tell('search'), step: tell('step'), leaveSearch: tell('leave'), filter: tell('filter'), run: tell('run') }
  return { bar: new src.toolbar.Toolbar(element('div'), at, job, commands), told }
}

test('a list of filters that is open is not disturbed', () => {
  const { bar } = toolbar(), select = bar.filter
  let value = '', sets = 0
  select.options = select.childNodes
  Object.defineProperty(select, 'value', { get: () => value, set: (v) => { value = v, sets++ } })
  for (const rank of [0, 0, 4, 4, 4, 0]) bar.showFilter(rank, [7, 6, 5, 4, 3, 2, 1])
  assert.deepEqual([value, sets], ['0', 3])
})

test('keys that compose a character do nothing else', () => {
  const { bar, told } = toolbar(), { actionOf } = src.keys
  const key = (key, isComposing) => bar.input.dispatch('keydown', { key, isComposing, preventDefault() {} })
  key('Enter', true)
  key('Escape', true)
  assert.deepEqual(told, [])
  key('Enter', false)
  key('Escape', false)
  assert.deepEqual(told, [['step', 1], ['leave']])
  const at = { composedPath: () => [{ closest: () => null, matches: () => false }] }
  assert.equal(actionOf({ key: 'j', isComposing: true, ...at }), null)
  assert.equal(actionOf({ key: 'j', isComposing: false, ...at }), 'down')
})

test('where letters are of another alphabet, keys are by their place', () => {
  const { actionOf } = src.keys, at = { composedPath: () => [{ closest: () => null, matches: () => false }] }
  const action = (key, code, more) => actionOf({ key, code, ...more, ...at })
  assert.equal(action('а', 'KeyF', { ctrlKey: true }), 'search') // Cyrillic
  assert.equal(action('А', 'KeyF', { metaKey: true }), 'search') // with Caps Lock
  assert.equal(action('φ', 'KeyF', { ctrlKey: true }), 'search')
  assert.equal(action('о', 'KeyJ'), 'down')
  assert.equal(action('П', 'KeyG', { shiftKey: true }), 'bottom')
  assert.equal(action('ב', 'KeyC'), 'copy')
  assert.equal(action('ö', 'Semicolon'), null)
  assert.equal(action('f', 'KeyY', { ctrlKey: true }), 'search') // Dvorak
  assert.equal(action('u', 'KeyF', { ctrlKey: true }), null)
  assert.equal(action('h', 'KeyJ'), null)
  assert.equal(action('Dead', 'KeyE'), null)
})

test('downloads are called by the job, else by where its log is', () => {
  const names = (e) => [e.download, ...(e.childNodes ?? []).flatMap(names)].filter(Boolean)
  assert.deepEqual(names(toolbar().bar.element), ['1.log', '1.ndjson'])
  assert.deepEqual(names(toolbar('/api/7/stream', 'сборка 7').bar.element), ['сборка_7.log', 'сборка_7.ndjson'])
})

import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { expect, test } from 'vitest'
import { PROPERTIES } from '../../src/core/violation.ts'
import { checkDocument } from '../../src/report/json.ts'
import { TABLE } from './results.ts'

const schema = JSON.parse(readFileSync(new URL('../../docs/schema/check.json', import.meta.url), 'utf8'))
const validate = new Ajv2020({ strict: false, allErrors: true }).compile(schema)

const document = () =>
  JSON.parse(JSON.stringify(checkDocument(TABLE, 1, () => 'shootdown check thread-table')))

test('safe, unsafe and inconclusive results are as the schema says', () => {
  validate(document())
  expect(validate.errors).toBeNull()
})

test.each([
  ['unsafe without its trail', (doc: ReturnType<typeof document>) => delete doc.results[2].trail],
  ['inconclusive without its reason', (doc) => delete doc.results[4].reason],
  ['safe with a trail', (doc) => Object.assign(doc.results[0], { trail: doc.results[2].trail })],
  ['an unknown property', (doc) => Object.assign(doc.results[2], { property: 'luck' })],
  ['a wrong status', (doc) => Object.assign(doc, { status: 2 })],
])('the schema refuses %s', (_, spoil) => {
  const doc = document()
  spoil(doc)
  expect(validate(doc)).toBe(false)
})

test('the schema knows every property', () => {
  expect(schema.$defs.property.enum).toEqual(Object.keys(PROPERTIES))
})

test('only options that the scenario takes notice of are told', () => {
  expect(document().results[0].options).toEqual({
    flush: 'native',
    free: 'immediate',
    cpus: 2,
    memoryModel: 'tso',
  })
})

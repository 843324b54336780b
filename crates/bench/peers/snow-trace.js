// What snow-trace does with a counted view: appends a record to the log of the name, rewrites the file of all counters,
// reads the whole log for its last ten records, and draws them.
// Usage: node snow-trace.js PORT DIR COUNTERS RECORDS. Says "ready" once its data is written.
const fs = require('fs')
const http = require('http')
const path = require('path')

const [port, dir, counterCount, recordCount] = process.argv.slice(2)
const file = path.join(dir, 'counters.json')
const counters = {}
const log = (namespace, key) => path.join(dir, 'visits', namespace, `${key}.jsonl`)
const record = (namespace, key, count) =>
  JSON.stringify({ timestamp: new Date().toISOString(), namespace, key, count, type: 'visit', userAgent: 'wrk', ip: '::1' }) + '\n'

for (let at = 0; at < Number(counterCount); at++) {
  const [namespace, key] = [`owner${at % 977}`, `repo-${at}`]
  const records = Math.floor(Number(recordCount) / Number(counterCount))
  counters[`${namespace}:${key}`] = records
  fs.mkdirSync(path.dirname(log(namespace, key)), { recursive: true })
  fs.writeFileSync(log(namespace, key), record(namespace, key, 1).repeat(records))
}

const save = () => {
  fs.writeFileSync(`${file}.tmp`, JSON.stringify(counters, null, 2))
  fs.renameSync(`${file}.tmp`, file)
}

const seen = new Map()
const counts = (who, name) => {
  const now = Date.now()
  const before = seen.get(`${name}:${who}`)
  if (before && now - before < 30000) return false
  seen.set(`${name}:${who}`, now)
  return true
}

const draw = (count, last) => {
  const rows = last.map((one, at) => `<text x="20" y="${100 + 24 * at}">· #${one.count} · ${one.timestamp}</text>`)
  const height = 120 + 24 * last.length
  return `<svg width="380" height="${height}" xmlns="http://www.w3.org/2000/svg"><text>${count} visits</text>${rows.join('')}</svg>`
}

http.createServer((request, response) => {
  const [, , , namespace, key] = request.url.split('/')
  const name = `${namespace}:${key}`
  const who = (request.headers['x-forwarded-for'] || 'unknown').split(',')[0].trim()
  if (counts(who, name)) {
    counters[name] = (counters[name] || 0) + 1
    fs.mkdirSync(path.dirname(log(namespace, key)), { recursive: true })
    fs.appendFileSync(log(namespace, key), record(namespace, key, counters[name]))
    save()
  }
  const lines = fs.readFileSync(log(namespace, key), 'utf8').trim().split('\n').map(line => JSON.parse(line))
  response.writeHead(200, { 'Content-Type': 'image/svg+xml', 'Cache-Control': 'no-cache, no-store, must-revalidate' })
  response.end(draw(counters[name], lines.slice(-10).reverse()))
}).listen(Number(port), '127.0.0.1', () => { save(); console.log('ready') })

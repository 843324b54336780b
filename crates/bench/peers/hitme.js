// What hitme-node does with POST /hit: six HINCRBY in a MULTI, and OK when Redis has answered.
// Usage: node hitme.js PORT REDIS-PORT. Says "ready". Run where express and redis are installed.
const express = require('express')
const redis = require('redis')

const [port, redisPort] = process.argv.slice(2).map(Number)
const client = redis.createClient({ host: '127.0.0.1', port: redisPort })
const app = express()
app.use(express.json())
app.use(express.urlencoded({ extended: true }))

const buckets = time => {
  const [year, month, day] = [time.getFullYear(), time.getMonth(), time.getDate()]
  const [hour, minute] = [time.getHours(), time.getMinutes()]
  return {
    month: new Date(year, month),
    week: new Date(year, month, day - time.getDay()),
    day: new Date(year, month, day),
    hour: new Date(year, month, day, hour),
    minute: new Date(year, month, day, hour, minute)
  }
}

app.post('/hit', (request, response) => {
  const { url, timestamp } = request.body
  if (!url) return response.status(400).json({ error: 'Invalid URL' })
  const multi = client.multi().hincrby('hits:all', url, 1)
  const of = buckets(new Date(parseInt(timestamp) || Date.now()))
  for (const name of Object.keys(of)) multi.hincrby(`hits:${name}:${of[name].getTime()}`, url, 1)
  multi.exec(error => {
    if (error) response.status(500).json({ error: error.message })
    else response.json({ status: 'OK' })
  })
})

app.listen(port, '127.0.0.1', () => console.log('ready'))

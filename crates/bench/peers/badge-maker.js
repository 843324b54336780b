// Badges drawn in a second by badge-maker, the library behind shields.io. Run where it is installed.
const { makeBadge } = require('badge-maker')

const style = process.argv[3]
const draw = n => makeBadge({ label: 'hits', message: n.toLocaleString('en-US'), color: '#13b28a', style })

let bytes = 0
for (let n = 0; n < 20000; n++) bytes += draw(n * 37).length
const begin = process.hrtime.bigint()
const count = Number(process.argv[2])
for (let n = 0; n < count; n++) bytes += draw(n * 37).length
const seconds = Number(process.hrtime.bigint() - begin) / 1e9
console.log(seconds > 0 && bytes > 0 ? count / seconds : 0)

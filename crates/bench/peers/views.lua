-- For wrk: a name of COUNT, log-uniform as in the other rows (half of the views fall on the root of the names), each time
-- from another address. Usage: wrk -s views.lua URL -- COUNT PREFIX SUFFIX
local count, prefix, suffix
function init(args)
    count, prefix, suffix = tonumber(args[1]), args[2], args[3] or ""
    math.randomseed(os.time())
end
function request()
    local at = math.min(math.floor(math.exp(math.random() * math.log(count + 1)) - 1), count - 1)
    local address = string.format("198.%d.%d.%d", math.random(0, 255), math.random(0, 255), math.random(1, 254))
    return wrk.format("GET", prefix .. "owner" .. at % 977 .. "/repo-" .. at .. suffix,
        { ["X-Forwarded-For"] = address, ["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0" })
end

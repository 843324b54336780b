-- For wrk: HitMe's request, as its own load script sends it.
wrk.method = "POST"
wrk.body = "url=http%3A%2F%2Fwww.olark.com%2F&timestamp=0"
wrk.headers["Content-Type"] = "application/x-www-form-urlencoded"

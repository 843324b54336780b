-- The last visits of a name: JSON that begins with the time. A list has the latest first.
local function time_of(visit) return string.match(visit, '"time":"([^"]*)"') or '' end

-- Makes a list anew of its own visits and of more, whose latest are last: in the order of their time, and those of a
-- minute as they came.
local function put_in_order(key, there, more, keep)
  local all = {}
  for i = #there, 1, -1 do all[#all + 1] = {time_of(there[i]), #all, there[i]} end
  for i = 1, #more do all[#all + 1] = {time_of(more[i]), #all, more[i]} end
  table.sort(all, function(a, b) return a[1] < b[1] or (a[1] == b[1] and a[2] < b[2]) end)
  -- Not DEL: only LTRIM and LPUSH were tried on the key, and an ACL may forbid DEL.
  pcall('LTRIM', key, '1', '0')
  local some = {}
  for i = math.max(1, #all - keep + 1), #all do
    some[#some + 1] = all[i][3]
    if #some == 1000 or i == #all then
      pcall('LPUSH', key, unpack(some))
      some = {}
    end
  end
end


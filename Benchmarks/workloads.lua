-- The same workloads for Lua: workloads.lua CASE N
local workload = {}
local function fib(n) if n < 2 then return n end return fib(n - 1) + fib(n - 2) end
workload.fib = fib
workload["loop"] = function(n) local sum = 0 for i = 0, n - 1 do sum = sum + i end return sum end
workload.string = function(n)
  local parts = {}
  for i = 0, n - 1 do parts[#parts + 1] = "item-" .. i end
  return #table.concat(parts)
end
workload.table = function(n)
  local m, sum = {}, 0
  for i = 0, n - 1 do m[i] = 2 * i end
  for i = 0, n - 1 do sum = sum + m[i] end
  return sum
end
workload.pipeline = function(n)
  local sum = 0
  for i = 0, n - 1 do if i % 2 == 1 then sum = sum + (i * i) % 7 end end
  return sum
end
workload.words = function(n)
  local parts, counts, most = {}, {}, 0
  for i = 0, n - 1 do parts[#parts + 1] = string.char(97 + (i * i) % 26, 97 + i % 19) .. "word " end
  for word in table.concat(parts):gmatch("%l+") do counts[word] = (counts[word] or 0) + 1 end
  for _, count in pairs(counts) do if count > most then most = count end end
  return most
end
workload.sort = function(n)
  local xs, x = {}, 12345
  for i = 1, n do
    x = (x * 1103515245 + 12345) % 2147483648
    xs[i] = x
  end
  table.sort(xs)
  return xs[n // 2 + 1]
end
local name, n = arg[1], tonumber(arg[2])
if not workload[name] then os.exit(0) end
local start = os.clock()
local result = workload[name](n)
print("TIME", name, os.clock() - start, n, result)

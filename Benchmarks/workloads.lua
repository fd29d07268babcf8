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
local name, n = arg[1], tonumber(arg[2])
if not workload[name] then os.exit(0) end
local start = os.clock()
local result = workload[name](n)
print("TIME", name, os.clock() - start, n, result)

-- One change of a region's shelves, whole or refused.
-- KEYS: lease version born offers shelf, and the shelves
-- ARGV: fence base version anew length json, and for each item: number of its shelf, id, '1' when it is there, its text
local lease, version, born, offers, told = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local fence, base, next, anew, length, json = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1', ARGV[5], ARGV[6]

local held = redis.call('GET', lease)
if not held or string.match(held, ' (%d+)$') ~= fence then return { 'fenced', '0' } end
local current = redis.call('GET', version) or '0'
if anew then
  for at = 6, #KEYS do redis.call('DEL', KEYS[at]) end
elseif redis.call('EXISTS', born) == 0 then
  return { 'wiped', '0' }
elseif current ~= base then
  return { 'behind', current }
end
for at = 7, #ARGV, 4 do
  local shelf = KEYS[5 + tonumber(ARGV[at])]
  if ARGV[at + 2] == '1' then
    redis.call('HSET', shelf, ARGV[at + 1], ARGV[at + 3])
  else
    redis.call('HDEL', shelf, ARGV[at + 1])
  end
end
redis.call('SET', version, next)
redis.call('SET', born, '1')
redis.call('DEL', offers)
redis.call('XADD', told, 'MAXLEN', '~', length, '*', 'm', json)
return { 'done', next }

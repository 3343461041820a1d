-- One change of a region's shelves, whole or refused. The same once more is no other one: whoever made it did not hear the answer.
-- KEYS: lease version written born offers staged shelf, and the shelves
-- ARGV: holder base version anew length json mark pieces, and for each item: number of its shelf, id, '1' when it is there, its text
local lease, version, written, born, offers, staged, told = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6], KEYS[7]
local holder, base, next, anew, length, json, mark, pieces = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1', ARGV[5], ARGV[6], ARGV[7], ARGV[8]

-- Its number alone does not do: a failover may have lost the lease and given the number again.
if redis.call('GET', lease) ~= holder then return { 'fenced', '0' } end
local current = redis.call('GET', version) or '0'
if current == next and redis.call('GET', written) == mark then return { 'done', next } end
if not anew then
  if redis.call('EXISTS', born) == 0 then return { 'wiped', '0' } end
  if current ~= base then return { 'behind', current } end
end
if pieces ~= '0' and redis.call('HGET', staged, '') ~= mark .. ' ' .. pieces then return { 'lost', '0' } end
if anew then
  for at = 8, #KEYS do redis.call('DEL', KEYS[at]) end
end
local function put(number, id, there, text)
  local shelf = KEYS[7 + tonumber(number)]
  if there == '1' then
    redis.call('HSET', shelf, id, text)
  else
    redis.call('HDEL', shelf, id)
  end
end
if pieces ~= '0' then
  local all = redis.call('HGETALL', staged)
  for at = 1, #all, 2 do
    local number, id = string.match(all[at], '^(%d) (.*)$')
    if number then put(number, id, string.sub(all[at + 1], 1, 1), string.sub(all[at + 1], 2)) end
  end
end
for at = 9, #ARGV, 4 do put(ARGV[at], ARGV[at + 1], ARGV[at + 2], ARGV[at + 3]) end
redis.call('DEL', staged)
redis.call('SET', version, next)
redis.call('SET', written, mark)
redis.call('SET', born, '1')
redis.call('DEL', offers)
redis.call('XADD', told, 'MAXLEN', '~', length, '*', 'm', json)
return { 'done', next }

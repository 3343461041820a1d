-- All that a region keeps, at one moment.
-- KEYS: version, and the shelves
local all = { redis.call('GET', KEYS[1]) or '0' }
for at = 2, #KEYS do all[at] = redis.call('HGETALL', KEYS[at]) end
return all

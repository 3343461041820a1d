-- One piece of a change that is too long for one script: kept aside until the last one makes all of it count.
-- KEYS: lease staged
-- ARGV: holder mark piece, and for each item: number of its shelf, id, '1' when it is there, its text
local lease, staged = KEYS[1], KEYS[2]
local holder, mark, piece = ARGV[1], ARGV[2], tonumber(ARGV[3])

if redis.call('GET', lease) ~= holder then return 'fenced' end
if piece == 0 then
  redis.call('DEL', staged)
elseif redis.call('HGET', staged, '') ~= mark .. ' ' .. piece then
  return 'lost'
end
for at = 4, #ARGV, 4 do redis.call('HSET', staged, ARGV[at] .. ' ' .. ARGV[at + 1], ARGV[at + 2] .. ARGV[at + 3]) end
redis.call('HSET', staged, '', mark .. ' ' .. (piece + 1))
redis.call('EXPIRE', staged, 600)
return 'done'

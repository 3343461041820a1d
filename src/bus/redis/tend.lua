-- One beat: says that a node lives, renews, takes or gives up the lease, and tells who lives, who leads and what time it is.
-- KEYS: members lease fence version born offers
-- ARGV: node boot leaving gone wire wants version, and in milliseconds: heard, lease, offers
local members, lease, fence, version, born, offers = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5], KEYS[6]
local node, boot, leaving, gone, wire, wants, copy = ARGV[1], ARGV[2], ARGV[3], ARGV[4] == '1', ARGV[5], ARGV[6] == '1', ARGV[7]
local heard_for, lease_for, offers_for = tonumber(ARGV[8]), ARGV[9], tonumber(ARGV[10])

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local function text(number) return string.format('%.0f', number) end
-- A moment that is yet to come is from before the clock was set back.
local function lives(heard) return math.abs(now - heard) <= heard_for end

-- Everybody else who lives; the long dead are forgotten.
local alive, name_taken = {}, false
local newest = math.max(tonumber(redis.call('GET', version) or '0'), tonumber(copy))
local stored = redis.call('HGETALL', members)
for at = 1, #stored, 2 do
  local name, its_boot, heard, its_leaving, its_wire, its_copy = stored[at], string.match(stored[at + 1], '^(%d+) (%d+) (%d) (%d+) (%d+)$')
  if its_boot and lives(tonumber(heard)) then
    if name ~= node or its_boot ~= boot then
      name_taken = name_taken or name == node
      newest = math.max(newest, tonumber(its_copy))
      local ago = text(math.max(0, now - tonumber(heard)))
      for _, word in ipairs({ name, its_boot, its_leaving, its_wire, ago }) do alive[#alive + 1] = word end
    end
  elseif not its_boot or math.abs(now - tonumber(heard)) > 60000 then
    redis.call('HDEL', members, name)
  end
end

-- Offers this node's copy; whether it is the newest of all, once everybody had the time to offer.
local function is_best()
  local first = tonumber(redis.call('HGET', offers, '') or '0')
  local all, fresh, best, best_copy = redis.call('HGETALL', offers), false, node, tonumber(copy)
  for at = 1, #all, 2 do
    local its_copy, made = string.match(all[at + 1], '^(%d+) (%d+)$')
    if its_copy and not lives(tonumber(made)) then
      redis.call('HDEL', offers, all[at])
    elseif its_copy then
      fresh = true
      local value = tonumber(its_copy)
      if all[at] ~= node and (value > best_copy or (value == best_copy and all[at] < best)) then best, best_copy = all[at], value end
    end
  end
  if not fresh then
    first = now
    redis.call('HSET', offers, '', text(now))
  end
  redis.call('HSET', offers, node, copy .. ' ' .. text(now))
  return now - first >= offers_for and best == node
end

-- Redis lost everything, or is behind a copy that somebody has, as after a failover: the newest copy is to lead.
local whole = redis.call('EXISTS', born) == 1 and tonumber(redis.call('GET', version) or '0') >= newest
local may = not name_taken and wants and not gone and (whole or is_best())

local held = redis.call('GET', lease)
if not name_taken then
  local mine = held and string.match(held, '^(.*) %d+$') == node .. ' ' .. boot
  if gone or not wants then
    redis.call('HDEL', offers, node)
  end
  if gone then
    redis.call('HDEL', members, node)
  else
    redis.call('HSET', members, node, table.concat({ boot, text(now), leaving, wire, copy }, ' '))
    for _, word in ipairs({ node, boot, leaving, wire, '0' }) do alive[#alive + 1] = word end
  end
  if mine and (gone or not wants) then
    redis.call('DEL', lease)
    held = false
  elseif mine then
    redis.call('PEXPIRE', lease, lease_for)
  elseif not held and may then
    local next = redis.call('INCR', fence)
    -- Above every version that anybody knows, so that versions only grow, also when the fence itself was lost.
    local least = math.floor(newest / 4294967296) + 1
    if next < least then
      next = least
      redis.call('SET', fence, text(next))
    end
    held = node .. ' ' .. boot .. ' ' .. text(next)
    redis.call('SET', lease, held, 'PX', lease_for)
  end
end

local wiped = redis.call('EXISTS', born) == 0 and '1' or '0'
local lasts = held and text(math.max(0, redis.call('PTTL', lease))) or '0'
local answer = { text(now), name_taken and '1' or '0', wiped, held or '', lasts }
for _, word in ipairs(alive) do answer[#answer + 1] = word end
return answer

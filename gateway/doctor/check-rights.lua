#!lua flags=no-writes
--[[
  Ask Redis which commands its ACL refuses to the user of this connection. Runs no command that the ACL allows.
  ARGV[1]  JSON array of commands, each an array of words
  Returns  { position of a refused command in ARGV[1], refusal, ... }; a refusal ends with what is refused:
           "the 'get' command", "the 'gh:a' key", "a key", "a channel"
  Cluster  any server: an ACL belongs to a server, not to a slot
]]
local refused = {}
for i, command in ipairs(cjson.decode(ARGV[1])) do
  if not redis.acl_check_cmd(unpack(command)) then
    -- The ACL cannot change while a script runs, so Redis refuses this call, and its error states why.
    local refusal = redis.pcall(unpack(command))
    refused[#refused + 1] = i
    refused[#refused + 1] = refusal.err or 'command'
  end
end
return refused

-- A replica knows what was true a while ago. Asked to remove what is not there, it says that it takes no writes; then this script has
-- no answer either. A server that takes no writes for another reason may answer. (Scripts that write say so in their first line, and
-- are refused before they begin.)
local answer = redis.pcall('UNLINK', KEYS[1])
if type(answer) == 'table' and string.find(answer.err, 'READONLY', 1, true) then
  do return answer end
end

-- tag of the finer mark, of the coarser one, iat or '-'.
return is_marked(ARGV[4], ARGV[5], tonumber(ARGV[6])) and 1 or 0

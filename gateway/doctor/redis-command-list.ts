/**
 * Redis commands that a node calls, with valid arguments. `KEY`, `QUEUE` and `CHANNEL` stand for names with the prefix
 * of the settings.
 */
export const neededCommands: readonly (readonly string[])[] = [
  ...[['EVAL', 'return 1', '0'], ['EVALSHA', '0'.repeat(40), '0'], ['TIME'], ['ROLE'], ['INFO', 'server']],
  ...[
    ['GET', 'KEY'],
    ['SET', 'KEY', '1'],
    ['DEL', 'KEY'],
    ['EXISTS', 'KEY'],
    ['EXPIREAT', 'KEY', '1'],
  ],
  ...[
    ['APPEND', 'KEY', ''],
    ['GETRANGE', 'KEY', '0', '1'],
    ['PEXPIRE', 'KEY', '1'],
    ['PTTL', 'KEY'],
  ],
  ...[
    ['HGET', 'KEY', 'f'],
    ['HMGET', 'KEY', 'f'],
    ['HSET', 'KEY', 'f', '1'],
    ['HDEL', 'KEY', 'f'],
    ['HGETALL', 'KEY'],
  ],
  ...[
    ['HLEN', 'KEY'],
    ['HINCRBY', 'KEY', 'f', '1'],
    ['ZADD', 'KEY', '1', 'm'],
    ['ZREM', 'KEY', 'm'],
  ],
  ...[
    ['ZRANGE', 'KEY', '0', '1'],
    ['ZMSCORE', 'KEY', 'm'],
    ['ZCOUNT', 'KEY', '0', '1'],
    ['ZREMRANGEBYSCORE', 'KEY', '0', '0'],
  ],
  ...[
    ['XADD', 'KEY', '*', 'f', '1'],
    ['XLEN', 'KEY'],
    ['XRANGE', 'KEY', '-', '+'],
    ['XREVRANGE', 'KEY', '+', '-'],
  ],
  ...[
    ['XREAD', 'STREAMS', 'KEY', '0'],
    ['XTRIM', 'KEY', 'MAXLEN', '1'],
    ['MEMORY', 'USAGE', 'KEY'],
  ],
  ...[
    ['PUBLISH', 'CHANNEL', ''],
    ['SUBSCRIBE', 'CHANNEL'],
    ['WAIT', '0', '1'],
    ['WAITAOF', '0', '0', '1'],
    ['HGETALL', 'QUEUE'],
  ],
]

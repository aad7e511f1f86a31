import { z } from 'zod'

// Makes Zod interpret its schemas instead of compiling them. By default, Zod generates a parser for each object schema
// at its first use, with `new Function`. A process parses its settings and policy once, so compilation costs more than
// it saves: 0.07 s of CPU time at each start of a node. A program imports this module before all others, because Zod
// reads the setting when a schema is created.
z.config({ jitless: true })

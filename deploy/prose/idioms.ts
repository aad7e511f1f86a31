/** An idiom that plain English avoids, and a better text. */
export interface Idiom {
  readonly pattern: RegExp
  readonly instead: string
}

const idiom = (pattern: string, instead: string): Idiom => ({ pattern: new RegExp(pattern, 'g'), instead })

/**
 * Phrases that readers with average English understand only slowly. Patterns are case-sensitive unless they say
 * otherwise.
 *
 * The list is only a reminder: a text without these phrases can still be unclear.
 */
export const idioms: readonly Idiom[] = [
  idiom(
    '(?:^|(?://|\\*)\\s)(?:What|Of|Who|Whoever|So long|So many|As long as) [a-z]',
    'begin with the noun that the text is about',
  ),
  idiom('\\b[Ww]hoever\\b', 'name the client, operator or node'),
  idiom('\\b[Nn]obody(?!:)\\b', '"no client", "no node", "no user"'),
  idiom('\\b[Ss]omebody\\b', 'name the client, operator or node'),
  idiom('\\b[Aa]nybody\\b', '"any client"'),
  idiom('\\banew\\b', '"again"'),
  idiom('\\bof late\\b', '"recently", with the time span'),
  idiom('\\b(?:is|are|was|were|be) told\\b', '"receives", "is notified", "reports"'),
  idiom('\\b(?:is|are) none\\b', '"does not exist", "is missing"'),
  idiom('\\b[Tt]here is none\\b', '"it is missing"'),
  idiom('\\bin hand\\b', '"available", "held"'),
  idiom('\\b(?:is|was|are|were|be) away\\b', '"is unavailable"'),
  idiom('\\b(?:stands|stood|standing|stand) still\\b', '"is suspended", "stalls"'),
  idiom('\\b(?:comes|came|come) of\\b', '"results from"'),
  idiom('\\bas good as none\\b', 'state the limit'),
  idiom('\\b[Ss]o long(?! as)\\b', '"for that time", with the unit'),
  idiom('\\b[Ss]o many\\b', 'state the number'),
  idiom('\\bjudge[sd]?\\b|\\bjudging\\b', '"validate", "decide", "evaluate"'),
  idiom('\\bwhat (?:was|is|were|are) to be\\b', 'name the thing'),
  idiom('\\bhere and there\\b|\\bby and by\\b', 'say where or when'),
  idiom('\\bput together\\b', '"built", "concatenated"'),
  idiom('\\bput aside\\b', '"rotated", "archived"'),
  idiom('\\blooks? on\\b', '"observes"'),
  idiom('\\bgone through\\b|\\bgoes through\\b', '"passes", "runs"'),
  idiom('\\bgo(?:es)? by\\b|\\bwent by\\b', '"uses", "follows"'),
  idiom('\\bspeaks? for\\b|\\bspoke for\\b', '"represents", "vouches for"'),
  idiom('\\bits turn\\b|\\bwhose turn\\b|\\btheir turn\\b', '"the lock", "the queue position"'),
  idiom('\\b(?:do|does|did) not hold\\b|\\b(?:token|proof|file|settings|policy) holds\\b', '"is invalid", "is valid"'),
  idiom('\\bbrings? along\\b|\\bbrings? about\\b', '"includes", "causes"'),
  idiom('\\bat all(?:,| events)\\b', 'leave it out'),
  idiom('\\ball the same\\b', '"nevertheless", or leave it out'),
  idiom('\\b(?:is|are|was|were) over(?=[ .,;:]|$)(?! \\d)', '"has ended", "has expired"'),
  idiom('\\b(?:is|are|be) let (?:in|through|go)\\b|\\blets? (?:in|through)\\b', '"is admitted", "is forwarded"'),
  idiom('\\bthought of\\b|\\bthought-', '"hypothetical"'),
  idiom('\\brehears(?:e|al|es|ed)\\b', '"dry run"'),
  idiom('\\bof (?:its|their|our) own\\b', '"own" before the noun, or leave it out'),
  idiom('\\bthe very\\b', 'leave "very" out'),
  idiom('\\b(?:take|takes|took|taken) (?:in|up) (?:by|what)\\b', 'name the action'),
]

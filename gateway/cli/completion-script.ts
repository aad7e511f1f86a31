import { type Value, type Verb, withDescendants } from './completion-tree.ts'

export const shells = ['bash', 'zsh', 'fish'] as const

export type Shell = (typeof shells)[number]

/** Complete completion script for a shell. The script does not start `gatehouse` when it runs. */
export function completionScript(shell: Shell, program: Verb): string {
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](program)
}

/** Quotes a text as one shell word. Completed words contain no quotes, but descriptions do. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`

/**
 * Tables for the bash and zsh scripts, as `case` patterns over the typed words: the words that lead to a verb, the
 * values of each flag, and the completions of each verb.
 */
function tables(program: Verb) {
  const verbs = [...withDescendants(program)]
  return {
    descents: verbs
      .filter(({ path }) => path !== '')
      .map(({ path }) => quoted(path))
      .join('|'),
    values: verbs.flatMap(({ path, flags }) =>
      flags.flatMap(({ names, value }) =>
        value === undefined ? [] : [{ pattern: names.map((name) => quoted(`${path}:${name}`)).join('|'), value }],
      ),
    ),
    offers: verbs.map(({ path, verbs: below, flags, values }) => ({
      pattern: quoted(path),
      words: below.map((verb) => verb.path.split(' ').at(-1)!),
      flags: flags.flatMap(({ names }) => names),
      value: values[0],
    })),
  }
}

function bashScript(program: Verb): string {
  const { descents, values, offers } = tables(program)
  const reply = (words: readonly string[]) => `COMPREPLY=($(compgen -W ${quoted(words.join(' '))} -- "$cur"))`
  const say = (value: Value | undefined) => {
    if (value?.kind === 'file') return 'compopt -o default 2>/dev/null; COMPREPLY=()'
    return value?.kind === 'choice' ? reply(value.choices) : 'COMPREPLY=()'
  }
  return `# bash completion of gatehouse: source it, or put it where bash-completion looks for it.
_gatehouse() {
  local cur="\${COMP_WORDS[COMP_CWORD]}" flag="\${COMP_WORDS[COMP_CWORD-1]}" path='' word i
  # bash splits --flag=value into three words.
  if [[ $cur == '=' ]]; then
    cur=''
  elif [[ $flag == '=' ]]; then
    flag="\${COMP_WORDS[COMP_CWORD-2]}"
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word="\${COMP_WORDS[i]}"
    case "\${path:+$path }$word" in
      ${descents}) path="\${path:+$path }$word" ;;
    esac
  done
  case "$path:$flag" in
${values.map(({ pattern, value }) => `    ${pattern}) ${say(value)}; return ;;`).join('\n')}
  esac
  if [[ $cur == -* ]]; then
    case "$path" in
${offers.map(({ pattern, flags }) => `      ${pattern}) ${reply(flags)} ;;`).join('\n')}
    esac
    return
  fi
  case "$path" in
${offers.map(({ pattern, words, value }) => `    ${pattern}) ${words.length > 0 ? reply(words) : say(value)} ;;`).join('\n')}
  esac
}
complete -F _gatehouse gatehouse
`
}

function zshScript(program: Verb): string {
  const { descents, values, offers } = tables(program)
  const add = (words: readonly string[]) => `compadd -- ${words.map(quoted).join(' ')}`
  const say = (value: Value | undefined) => {
    if (value?.kind === 'file') return '_files'
    return value?.kind === 'choice' ? add(value.choices) : '_message value'
  }
  return `#compdef gatehouse
# zsh completion of gatehouse: put it into a folder of $fpath as _gatehouse.
_gatehouse() {
  local cur="\${words[CURRENT]}" flag="\${words[CURRENT-1]}" path_='' word i
  # In one word: the value follows the flag.
  if [[ $cur == --*=* ]]; then
    flag="\${cur%%=*}"
    compset -P '*='
    cur=''
  fi
  for ((i = 2; i < CURRENT; i++)); do
    word="\${words[i]}"
    case "\${path_:+$path_ }$word" in
      (${descents}) path_="\${path_:+$path_ }$word" ;;
    esac
  done
  case "$path_:$flag" in
${values.map(({ pattern, value }) => `    (${pattern}) ${say(value)}; return ;;`).join('\n')}
  esac
  if [[ $cur == -* ]]; then
    case "$path_" in
${offers.map(({ pattern, flags }) => `      (${pattern}) ${add(flags)} ;;`).join('\n')}
    esac
    return
  fi
  case "$path_" in
${offers.map(({ pattern, words, value }) => `    (${pattern}) ${words.length > 0 ? add(words) : say(value)} ;;`).join('\n')}
  esac
}
if [[ $funcstack[1] == _gatehouse ]]; then
  _gatehouse "$@"
else
  compdef _gatehouse gatehouse
fi
`
}

function fishScript(program: Verb): string {
  const lines = [...withDescendants(program)].flatMap((verb) => {
    const { path, verbs, flags, values } = verb
    const when = `-n ${quoted(`__gatehouse_at ${quoted(path)}`)}`
    return [
      ...verbs.map(
        (below) =>
          `complete -c gatehouse ${when} -a ${quoted(below.path.split(' ').at(-1)!)} -d ${quoted(below.description)}`,
      ),
      ...flags.map(({ names, value, description }) => {
        const short = names.find((name) => !name.startsWith('--'))
        const long = names.find((name) => name.startsWith('--'))
        const named = [short && `-s ${short.slice(1)}`, long && `-l ${long.slice(2)}`].filter(Boolean).join(' ')
        return `complete -c gatehouse ${when} ${named}${fishValue(value, true)} -d ${quoted(description)}`
      }),
      ...(verbs.length === 0 && values[0] !== undefined
        ? [`complete -c gatehouse ${when}${fishValue(values[0], false)}`]
        : []),
    ]
  })
  const paths = [...withDescendants(program)].map(({ path }) => path).filter((path) => path !== '')
  return `# fish completion of gatehouse: put it into ~/.config/fish/completions as gatehouse.fish.
function __gatehouse_at
    set -l at ''
    for word in (commandline -opc)[2..-1]
        set -l next (string trim -- "$at $word")
        contains -- $next ${paths.map(quoted).join(' ')}; and set at $next
    end
    test "$at" = "$argv[1]"
end
complete -c gatehouse -f
${lines.join('\n')}
`
}

/** @param flag  true for the value of a flag, which is then required */
function fishValue(value: Value | undefined, flag: boolean): string {
  if (value === undefined) return ''
  const required = flag ? ' -r' : ''
  if (value.kind === 'file') return `${required} -F`
  return value.kind === 'choice' ? `${required} -a ${quoted(value.choices.join(' '))}` : required
}

import ts from 'typescript'

/** A place in the source where the rejection of a promise can be unhandled. */
export interface FloatingPromise {
  /** Place as `path:line`; the path is relative to the root of the repository. */
  readonly place: string
  /** Source of the expression on one line, cut to 100 characters. */
  readonly text: string
  readonly how: 'unhandled' | 'stored' | 'callback'
}

/**
 * Finds promises of the program whose rejection can be unhandled. Three kinds are found: a statement that starts a
 * promise without `await` or `catch`; a promise that is stored in a property; an async function as a callback whose
 * result is ignored (of a timer, of an event).
 *
 * @param entries  entry files; the files of gateway/ and workers/ that they import are checked
 * @param isSettled  whether a method, named `Class.method`, returns a promise that never rejects
 */
export function floatingPromises(
  root: string,
  entries: readonly string[],
  isSettled: (method: string) => boolean,
): FloatingPromise[] {
  const config = ts.readConfigFile(`${root}/tsconfig.json`, ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root)
  const program = ts.createProgram(
    entries.map((entry) => `${root}/${entry}`),
    options,
  )
  const checker = program.getTypeChecker()
  const found: FloatingPromise[] = []

  const isPromise = (type: ts.Type): boolean =>
    type.isUnionOrIntersection() ? type.types.some(isPromise) : checker.getPropertyOfType(type, 'then') !== undefined

  const nameOf = (call: ts.CallExpression): string => {
    const symbol = checker.getSymbolAtLocation(
      ts.isPropertyAccessExpression(call.expression) ? call.expression.name : call.expression,
    )
    const declared = symbol?.valueDeclaration?.parent
    const owner = declared !== undefined && ts.isClassLike(declared) ? `${declared.name?.text}.` : ''
    return `${owner}${ts.isPropertyAccessExpression(call.expression) ? call.expression.name.text : (symbol?.name ?? '')}`
  }

  /** Whether this expression itself handles the rejection of its promise. */
  const isHandled = (node: ts.Expression): boolean => {
    const inner = withoutParentheses(node)
    if (ts.isAwaitExpression(inner)) return true
    if (!ts.isCallExpression(inner)) return false
    if (isSettled(nameOf(inner))) return true
    if (!ts.isPropertyAccessExpression(inner.expression)) return false
    const method = inner.expression.name.text
    const of = inner.expression.expression
    if (method === 'catch' && inner.arguments.length === 1) return true
    if (method === 'then' && inner.arguments.length === 2) return true
    // A callback of `then` or `finally` after a handled promise must not throw: such callbacks are short, and a
    // reviewer checks them.
    if (method === 'then' || method === 'finally') return isHandled(of)
    return inner.expression.getText() === 'Promise.allSettled'
  }

  const add = (node: ts.Node, how: FloatingPromise['how']): void => {
    const file = node.getSourceFile()
    const { line } = file.getLineAndCharacterOfPosition(node.getStart())
    const text = node.getText().replace(/\s+/g, ' ').slice(0, 100)
    found.push({ place: `${file.fileName.slice(root.length + 1)}:${line + 1}`, text, how })
  }

  const isStore = (node: ts.BinaryExpression): boolean =>
    node.operatorToken.kind === ts.SyntaxKind.EqualsToken ||
    node.operatorToken.kind === ts.SyntaxKind.QuestionQuestionEqualsToken

  const visit = (node: ts.Node): void => {
    if (ts.isExpressionStatement(node)) visitStatement(withoutParentheses(node.expression))
    else if (ts.isVoidExpression(node)) visitStatement(withoutParentheses(node.expression))
    else if (ts.isCallExpression(node) || ts.isNewExpression(node)) visitArguments(node)
    ts.forEachChild(node, visit)
  }

  const visitStatement = (node: ts.Expression): void => {
    if (ts.isVoidExpression(node)) return
    if (ts.isBinaryExpression(node)) {
      if (isStore(node) && ts.isPropertyAccessExpression(node.left) && !isHandled(node.right)) {
        const { right } = node
        const starts = ts.isCallExpression(right) || ts.isNewExpression(right)
        if (starts && isPromise(checker.getTypeAtLocation(right))) add(node, 'stored')
      } else if (!isStore(node)) visitStatement(withoutParentheses(node.right))
      return
    }
    // The type is needed last, because the check of types takes most of the time.
    if (!isHandled(node) && isPromise(checker.getTypeAtLocation(node))) add(node, 'unhandled')
  }

  const visitArguments = (call: ts.CallExpression | ts.NewExpression): void => {
    for (const [i, argument] of (call.arguments ?? []).entries()) {
      if (!ts.isArrowFunction(argument) && !ts.isFunctionExpression(argument)) continue
      const signature = checker.getResolvedSignature(call)
      const parameter = signature?.parameters[Math.min(i, signature.parameters.length - 1)]
      if (parameter === undefined) continue
      const wanted = checker.getTypeOfSymbolAtLocation(parameter, call).getCallSignatures()
      const wantsVoid =
        wanted.length > 0 &&
        wanted.every((each) => (checker.getReturnTypeOfSignature(each).flags & ts.TypeFlags.Void) !== 0)
      if (!wantsVoid) continue
      const given = checker.getTypeAtLocation(argument).getCallSignatures()
      if (!given.some((each) => isPromise(checker.getReturnTypeOfSignature(each)))) continue
      if (ts.isArrowFunction(argument) && !ts.isBlock(argument.body) && isHandled(argument.body)) continue
      add(argument, 'callback')
    }
  }

  for (const file of program.getSourceFiles()) {
    if (/^(gateway|workers)\//.test(file.fileName.slice(root.length + 1))) visit(file)
  }
  return found
}

function withoutParentheses(node: ts.Expression): ts.Expression {
  return ts.isParenthesizedExpression(node) ? withoutParentheses(node.expression) : node
}

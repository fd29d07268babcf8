/// What the arguments asked for.
package enum Invocation: Equatable, Sendable {
    /// For one command, or for all.
    case help(CommandName?)
    case version(json: Bool)
    case run(RunRequest)
    case check(path: String, json: Bool)
    case graph(path: String, GraphFormat)
    case test(TestRequest)
    /// Formats files, or says which ones would change.
    case format(paths: [String], checkOnly: Bool)
    case trace(TraceRequest)
    /// A file is loaded first when the request's source is one.
    case repl(RunRequest)

    /// Reads the arguments that follow the program's name.
    ///
    /// - Parameter isFile: whether a word that is no command names something to run.
    package init(_ arguments: [String], isFile: (String) -> Bool) throws(UsageError) {
        guard let first = arguments.first else {
            self = .help(nil)
            return
        }
        if let command = CommandName(rawValue: first) {
            self = try Invocation.read(command, Array(arguments.dropFirst()))
        } else if first == "--help" || first == "-h" {
            self = .help(nil)
        } else if first == "--version" {
            self = .version(json: false)
        } else if first == "-"
            || (!first.hasPrefix("-") && (first.contains("/") || first.contains(".") || isFile(first)))
        {
            // What a #! line gives: everything after the file belongs to the script.
            self = .run(RunRequest(Invocation.source(first), arguments: Array(arguments.dropFirst())))
        } else {
            throw UsageError.unknownCommand(first)
        }
    }

    private static func read(_ command: CommandName, _ arguments: [String]) throws(UsageError) -> Invocation {
        let words = try Words(command, arguments)
        if words.has(.help) { return .help(command) }
        try words.checkOperands()
        switch command {
        case .help:
            return .help(try words.operands.first.map { (name) throws(UsageError) in try Invocation.command(name) })
        case .version: return .version(json: words.has(.json))
        case .check: return .check(path: words.operands[0], json: words.has(.json))
        case .graph: return .graph(path: words.operands[0], try words.format())
        case .test: return .test(try words.testRequest())
        case .fmt: return .format(paths: words.operands, checkOnly: words.has(.checkOnly))
        case .trace:
            let id = words.operands.dropFirst().first
            return .trace(TraceRequest(path: words.operands[0], id: id, json: words.has(.json)))
        case .eval: return .run(try words.request(.expression(words.operands[0])))
        case .run: return .run(try words.request(source(words.operands[0])))
        case .repl: return .repl(try words.request(words.operands.first.map { .file($0) } ?? .none))
        }
    }

    private static func source(_ word: String) -> RunRequest.Source { word == "-" ? .standardInput : .file(word) }

    private static func command(_ name: String) throws(UsageError) -> CommandName {
        guard let command = CommandName(rawValue: name) else { throw UsageError.unknownCommand(name) }
        return command
    }
}

/// The arguments of one command, told apart.
private struct Words {
    let command: CommandName
    var operands: [String] = []
    var scriptArguments: [String] = []
    private var flags: [(flag: Flag, value: String)] = []

    init(_ command: CommandName, _ arguments: [String]) throws(UsageError) {
        self.command = command
        let wanted =
            command.row.repeats ? Int.max : command.row.required.count + command.row.optional.count
        var rest = arguments[...]
        while let word = rest.popFirst() {
            if word == "--" {
                // Only the first operand can still be missing: `run -- FILE` runs a file whose name begins with a dash.
                while operands.count < wanted, let operand = rest.popFirst() { operands.append(operand) }
                scriptArguments += rest
                return
            }
            if let flag = try flag(word) {
                try take(flag.flag, flag.value, &rest)
            } else if operands.count < wanted {
                operands.append(word)
            } else if command.row.takesScriptArguments {
                scriptArguments.append(word)
            } else {
                throw UsageError("`\(command.rawValue)` does not take \"\(word)\" too", command: command)
            }
        }
    }

    /// Nil for a word that is no flag: `-`, a negative number, anything without a dash.
    private func flag(_ word: String) throws(UsageError) -> (flag: Flag, value: String?)? {
        guard word.hasPrefix("-"), word != "-", !(word.dropFirst().first?.isNumber ?? false) else { return nil }
        if word == "-h" { return (.help, nil) }
        let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard word.hasPrefix("--"), let flag = Flag(rawValue: String(parts[0].dropFirst(2))),
            command.flags.contains(flag)
        else {
            throw UsageError.unknownFlag(parts[0], of: command, afterFile: !operands.isEmpty)
        }
        return (flag, parts.count == 2 ? parts[1] : nil)
    }

    private mutating func take(_ flag: Flag, _ given: String?, _ rest: inout ArraySlice<String>) throws(UsageError) {
        guard let argument = flag.argument else {
            if let given {
                throw UsageError("\(flag.spelling) takes no value, but \"\(given)\" was given", command: command)
            }
            flags.append((flag, ""))
            return
        }
        guard let value = given ?? rest.popFirst() else {
            throw UsageError("\(flag.spelling) needs a value: \(flag.spelling) \(argument)", command: command)
        }
        if flag != .allow, has(flag) { throw UsageError("\(flag.spelling) is given twice", command: command) }
        flags.append((flag, value))
    }

    func has(_ flag: Flag) -> Bool { flags.contains { $0.flag == flag } }

    private func value(_ flag: Flag) -> String? { flags.first { $0.flag == flag }?.value }

    func checkOperands() throws(UsageError) {
        guard operands.count < command.row.required.count else { return }
        throw UsageError("`\(command.rawValue)` needs \(command.row.required[operands.count])", command: command)
    }

    func format() throws(UsageError) -> GraphFormat {
        guard let given = value(.format) else { return .mermaid }
        guard let format = GraphFormat(rawValue: given) else {
            throw UsageError(
                "--format does not know \"\(given)\"",
                hint: Suggestion.hint(for: given, among: GraphFormat.allCases.map(\.rawValue)),
                command: command)
        }
        return format
    }

    func request(_ source: RunRequest.Source) throws(UsageError) -> RunRequest {
        var request = RunRequest(source, arguments: scriptArguments)
        request.once = has(.once)
        request.json = has(.json)
        request.trace = value(.trace)
        request.allow = flags.filter { $0.flag == .allow }.map(\.value)
        for grant in request.allow { try Suggestion.checkGrant(grant, command) }
        if has(.virtualTime) || has(.schedules) {
            request.schedule = .virtual(seed: UInt64(try whole(.seed, 0...Int64.max) ?? 0))
        } else if has(.seed) {
            throw UsageError("--seed orders a simulation; it needs --virtual-time beside it", command: command)
        }
        request.http = try whole(.http, 0...65_535).map { UInt16($0) }
        if request.http != nil, has(.once) || has(.virtualTime) {
            throw UsageError(
                "--http waits for requests, \(has(.once) ? "--once does not" : "which --virtual-time cannot simulate")",
                command: command)
        }
        request.limits.steps = try whole(.maxSteps, 1...Int64.max)
        request.limits.memory = try bytes()
        request.limits.seconds = try seconds()
        return request
    }

    func testRequest() throws(UsageError) -> TestRequest {
        var request = TestRequest(paths: operands, settings: try self.request(.none))
        request.schedules = try whole(.schedules, 1...Int64.max).map { Int($0) }
        request.only = try value(.only).map { (text) throws(UsageError) in try selection(text) }
        return request
    }

    /// `NAMESPACE` or `NAMESPACE/TEST`.
    private func selection(_ text: String) throws(UsageError) -> TestRequest.Selection {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard parts.allSatisfy({ !$0.isEmpty }) else {
            throw UsageError("--only needs a namespace, or a namespace/test, not \"\(text)\"", command: command)
        }
        return TestRequest.Selection(namespace: parts[0], test: parts.count == 2 ? parts[1] : nil)
    }

    private func whole(_ flag: Flag, _ range: ClosedRange<Int64>) throws(UsageError) -> Int64? {
        guard let text = value(flag) else { return nil }
        guard let number = Int64(text), range.contains(number) else {
            throw UsageError(
                "\(flag.spelling) needs a whole number \(spoken(range)), not \"\(text)\"", command: command)
        }
        return number
    }

    /// `of at least 1`, or `from 0 to 65535`.
    private func spoken(_ range: ClosedRange<Int64>) -> String {
        range.upperBound == .max ? "of at least \(range.lowerBound)" : "from \(range.lowerBound) to \(range.upperBound)"
    }

    /// A number of bytes, with K, M or G for powers of 1024.
    private func bytes() throws(UsageError) -> Int64? {
        guard let text = value(.maxMemory) else { return nil }
        let shifts: [Character: Int64] = ["K": 10, "M": 20, "G": 30]
        let shift = text.uppercased().last.flatMap { shifts[$0] }
        let number = Int64(shift == nil ? text[...] : text.dropLast())
        let (product, overflow) = (number ?? 0).multipliedReportingOverflow(by: 1 << (shift ?? 0))
        guard product > 0, !overflow else {
            throw UsageError("--max-memory needs a number of bytes such as 64M, not \"\(text)\"", command: command)
        }
        return product
    }

    private func seconds() throws(UsageError) -> Double? {
        guard let text = value(.maxSeconds) else { return nil }
        guard let number = Double(text), number > 0, number.isFinite else {
            throw UsageError("--max-seconds needs a positive number, not \"\(text)\"", command: command)
        }
        return number
    }
}

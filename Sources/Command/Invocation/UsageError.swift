import Engine
import Values

/// Arguments that do not make sense: exit code 2.
package struct UsageError: Error, Equatable, Sendable {
    package let message: String
    package let hint: String?
    /// Whose help explains it; nil for the program's.
    package let command: CommandName?

    init(_ message: String, hint: String? = nil, command: CommandName?) {
        self.message = message
        self.hint = hint
        self.command = command
    }

    /// As it is shown, with its line break.
    package var text: String {
        let help = command.map { "sluice \($0.rawValue) --help" } ?? "sluice --help"
        return "sluice: \(message)\n" + (hint.map { "  \($0)\n" } ?? "") + "  `\(help)` shows what there is.\n"
    }

    static func unknownCommand(_ name: String) -> UsageError {
        UsageError(
            name.hasPrefix("-")
                ? "there is no flag \(name) before a command" : "there is no command or file \"\(name)\"",
            hint: Suggestion.hint(for: name, among: CommandName.allCases.map(\.rawValue)), command: nil)
    }

    static func unknownFlag(_ spelling: String, of command: CommandName, afterFile: Bool) -> UsageError {
        var hints: [String] = []
        if let near = Suggestion.hint(for: spelling, among: command.flags.map(\.spelling)) { hints.append(near) }
        if afterFile, command.row.takesScriptArguments {
            hints.append("write `--` before flags that are the script's own")
        }
        return UsageError(
            "`\(command.rawValue)` has no flag \(spelling)",
            hint: hints.isEmpty ? nil : hints.joined(separator: "\n  "),
            command: command)
    }
}

/// What a misspelt argument may have meant.
enum Suggestion {
    static func hint(for word: String, among known: [String]) -> String? { Nearest.hint(for: word, among: known) }

    /// The engine knows the kinds of capability; asking it here makes a misspelt one a matter of usage, before anything runs.
    static func checkGrant(_ flag: String, _ command: CommandName) throws(UsageError) {
        var scratch = Capabilities(workingDirectory: "/")
        do throws(KeyError) {
            try scratch.allow(flag: flag)
        } catch {
            throw UsageError(error.message, hint: error.hint, command: command)
        }
    }
}

//! Command: the command line. Arguments come in; one call of a `ScriptDriver` goes out, and an exit code.
//!
//! In reading order:
//! - `Invocation/`: the tables of commands and flags; the parser, help and suggestions read them.
//! - `Driver.swift`: what this target needs of the rest of Sluice, as protocols.
//! - `Terminal/`: output that shares the screen with a progress line; signals.
//! - `Progress/`: a pure model of what is going on, fed by the engine's events, and the thread that shows it; another thread
//!   that writes them to a file.
//! - `REPL/`: the conversation, over a line source: an editor on a terminal, plain lines otherwise.
//!
//! Without Foundation, which would add milliseconds to every start.

/// The program, without its process: `main.swift` gives it the arguments and a driver.
package struct CommandLineTool {
    package static let version = "0.1.0"

    private let driver: any ScriptDriver
    private let terminal: Terminal

    package init(driver: any ScriptDriver, terminal: Terminal = .current()) {
        self.driver = driver
        self.terminal = terminal
    }

    /// - Parameter arguments: those after the program's name.
    /// - Returns: the exit code.
    package func main(_ arguments: [String]) -> Int32 {
        let console = Console(terminal)
        do throws(UsageError) {
            return perform(try Invocation(arguments, isFile: Files.exists), console)
        } catch {
            console.write(error.text, to: .error)
            return ExitCode.unusable.rawValue
        }
    }

    private func perform(_ invocation: Invocation, _ console: Console) -> Int32 {
        switch invocation {
        case .help(let command):
            console.write(command.map(HelpText.command) ?? HelpText.program(), to: .output)
            return ExitCode.done.rawValue
        case .version(let json):
            let version = CommandLineTool.version
            console.write(json ? "{\"version\":\"\(version)\"}\n" : "sluice \(version)\n", to: .output)
            return ExitCode.done.rawValue
        case .check(let path, let json): return driver.check(path, json: json, console)
        case .graph(let path, let format): return driver.graph(path, format, console)
        case .run(let request):
            let control = RunControl(request.json ? Console(terminal, json: true) : console)
            return control.run { driver.run(request, control) }
        case .test(let request):
            let control = RunControl(request.settings.json ? Console(terminal, json: true) : console)
            return control.run { driver.test(request, control) }
        case .format(let paths, let checkOnly): return driver.format(paths, checkOnly: checkOnly, console)
        case .trace(let request):
            return driver.trace(request, request.json ? Console(terminal, json: true) : console)
        case .repl(let request):
            return REPL(console).run { driver.openREPL(request, console) }
        }
    }
}

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

#if canImport(Glibc)
    import Glibc
#elseif canImport(Darwin)
    import Darwin
#endif

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
            return CommandLineTool.ended(perform(try Invocation(arguments, isFile: Files.exists), console), console)
        } catch {
            console.write(error.text, to: .error)
            return ExitCode.unusable.rawValue
        }
    }

    /// The exit code of a command: one whose output was lost has failed, whatever else came of it.
    static func ended(_ code: Int32, _ console: Console) -> Int32 {
        // Nobody reads it any more: then this is no failure.
        guard let loss = console.loss, loss != EPIPE else { return code }
        console.write("sluice: standard output cannot be written: \(String(cString: strerror(loss)))\n", to: .error)
        return code == ExitCode.done.rawValue ? ExitCode.failed.rawValue : code
    }

    private func controlled(json: Bool, _ console: Console, _ body: (RunControl) -> Int32) -> Int32 {
        let own = json ? Console(terminal, json: true) : console
        let control = RunControl(own)
        let code = control.run { body(control) }
        return json ? CommandLineTool.ended(code, own) : code
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
            return controlled(json: request.json, console) { driver.run(request, $0) }
        case .test(let request):
            return controlled(json: request.settings.json, console) { driver.test(request, $0) }
        case .format(let paths, let checkOnly): return driver.format(paths, checkOnly: checkOnly, console)
        case .trace(let request):
            let console = request.json ? Console(terminal, json: true) : console
            return CommandLineTool.ended(driver.trace(request, console), console)
        case .repl(let request):
            return REPL(console).run { driver.openREPL(request, console) }
        }
    }
}

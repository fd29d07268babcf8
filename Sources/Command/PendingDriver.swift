/// Stands in until the composition root conforms to `ScriptDriver`: every command that needs it says so.
package struct PendingDriver: ScriptDriver {
    package init() {}

    package func run(_ request: RunRequest, _ control: RunControl) -> Int32 { refuse(control.console) }
    package func check(_ path: String, json: Bool, _ console: Console) -> Int32 { refuse(console) }
    package func graph(_ path: String, _ format: GraphFormat, _ console: Console) -> Int32 { refuse(console) }
    package func openREPL(_ request: RunRequest, _ console: Console) -> REPLStart { .failed(refuse(console)) }

    private func refuse(_ console: Console) -> Int32 {
        console.write("sluice: this build cannot run scripts yet\n", to: .error)
        return ExitCode.unusable.rawValue
    }
}

/// The server of the Model Context Protocol that `tool_server.py` is, as tests start it.
package enum ToolServer {
    /// Where the program stands.
    package static let path = String(#filePath.dropLast("ToolServer.swift".count)) + "tool_server.py"

    /// What starts it, with the flags that it tells of.
    package static func command(_ flags: String...) -> [String] { ["python3", path] + flags }
}

import Engine
import Values

/// What is declared of an effect type of this target: the engine, the checker and the reference read these rows.
package struct EffectRow: Sendable {
    package let type: String
    package let doc: String
    package let params: [Param]
    /// The kinds of capability that it may ask for.
    package let needs: CapabilityKinds
    package let recovery: EffectType.Recovery
    /// It only waits: it holds no slot and has no default timeout (P19).
    package let waits: Bool

    package struct Param: Sendable {
        package let key: KnownName
        package let kind: EffectType.ParamType
        package let required: Bool
        package let doc: String

        init(_ key: KnownName, _ kind: EffectType.ParamType, required: Bool = false, _ doc: String) {
            self.key = key
            self.kind = kind
            self.required = required
            self.doc = doc
        }
    }

    init(
        _ type: String, _ doc: String, _ params: [Param], needs: CapabilityKinds = [],
        recovery: EffectType.Recovery = .retry,
        waits: Bool = false
    ) {
        self.type = type
        self.doc = doc
        self.params = params
        self.needs = needs
        self.recovery = recovery
        self.waits = waits
    }

    package static func row(_ type: String) -> EffectRow? { table.first { $0.type == type } }

    package static let table: [EffectRow] = files + web + chat + servers + rest

    private static let path = Param(.path, .string, required: true, "the file")
    private static let content = Param(.content, .any, required: true, "a string, or a vector of bytes")
    private static let parents = Param(.isParents, .bool, "make the directories above it")

    private static let files: [EffectRow] = [
        EffectRow(
            "fs/read", "reads a file: its text, or a vector of bytes",
            [
                path, Param(.as, .keyword, ":text or :bytes"),
                Param(.maxBytes, .int, "the most to read; 67108864 unless given"),
            ],
            needs: [.read]),
        EffectRow(
            "fs/write", "replaces a file at once, or makes it; answers its path", [path, content, parents],
            needs: [.write]),
        EffectRow(
            "fs/append", "adds to the end of a file; answers its path", [path, content, parents], needs: [.write],
            recovery: .fail),
        EffectRow(
            "fs/list", "the sorted paths in a directory", [Param(.path, .string, "the directory; . unless given")],
            needs: [.read]),
        EffectRow(
            "fs/glob", "the sorted paths that match a pattern",
            [Param(.pattern, .string, required: true, "such as notes/**/*.md")],
            needs: [.read]),
        EffectRow(
            "fs/stat", "{:path :kind :size :modified-ms :mode} of a file, nil when there is none", [path],
            needs: [.read]),
        EffectRow(
            "fs/delete", "deletes a file or directory; answers whether there was one",
            [
                path, Param(.isRecursive, .bool, "with all that is in it"),
                Param(.isMissingOK, .bool, "nothing there is no error"),
            ], needs: [.write]),
    ]

    private static let timeout = Param(.timeoutMs, .int, "milliseconds for the whole; nil or 0 for no limit")

    private static let web: [EffectRow] = [
        EffectRow(
            "http/request", "{:status :headers :body :url} of an HTTP or HTTPS address",
            [
                Param(.url, .string, required: true, "where to"),
                Param(.method, .any, "such as :post; :get unless given"),
                Param(.headers, .map, "names to values"), Param(.query, .map, "added to the address, encoded"),
                Param(.body, .any, "a string, bytes, or data to send as JSON"),
                Param(.as, .keyword, "the body :as :text, :bytes or :json"), timeout,
                Param(.idleMs, .int, "milliseconds without a byte"), Param(.maxBytes, .int, "the most to take"),
                Param(.maxRedirects, .int, "10 unless given"), Param(.isStream, .bool, "report the body as it comes"),
                Param(.isCheck, .bool, "a status of 400 or more is an error"),
            ], needs: [.net], recovery: .fail)
    ]

    private static let chat: [EffectRow] = [
        EffectRow(
            "llm/chat", "{:content :message :finish-reason :usage :model} of a chat model",
            [
                Param(.messages, .any, required: true, "[{:role \"user\" :content \"…\"}]"),
                Param(.model, .string, "OPENAI_MODEL unless given"),
                Param(.tools, .any, "the functions it may call"), Param(.toolChoice, .any, "which of them"),
                Param(.temperature, .number, "0 to 2"), Param(.maxTokens, .int, "the most to answer"),
                Param(.responseFormat, .map, "such as {:type \"json_object\"}"),
                Param(.isStream, .bool, "report {:delta \"…\"} as it comes"), timeout,
            ], needs: [.net]),
        EffectRow(
            "llm/embed", "{:embeddings :model :usage}: a vector for each text",
            [
                Param(.input, .any, required: true, "a string, or a vector of strings"),
                Param(.model, .string, "the embedding model"),
                Param(.dimensions, .int, "how long the vectors are to be"),
            ], needs: [.net]),
    ]

    private static let server = Param(
        .server, .any, required: true,
        "a URL, {:url :headers}, {:command [program arguments] :env :dir}, or the keyword of a configured one")

    private static let servers: [EffectRow] = [
        EffectRow(
            "mcp/call", "{:content :text :structured} of a tool of a server of the Model Context Protocol",
            [
                server, Param(.tool, .string, required: true, "the name of the tool"),
                Param(.arguments, .map, "what the tool takes"),
            ], needs: [.mcp, .read, .env], recovery: .fail),
        EffectRow(
            "mcp/tools", "the tools of such a server: [{:name :description :input-schema}]", [server],
            needs: [.mcp, .read, .env]),
    ]

    private static let message = [
        Param(.message, .any, required: true, "what to say"), Param(.data, .any, "printed behind it"),
    ]

    private static let rest: [EffectRow] = [
        EffectRow(
            "proc/run", "{:exit :out :err :signal} of a program, run without a shell",
            [
                Param(.args, .vector, required: true, "the program and its arguments"),
                Param(.in, .any, "its input: a string or bytes"),
                Param(.cwd, .string, "the directory it runs in"),
                Param(
                    .env, .any,
                    "variables: a map of values, or of :inherit to pass ours on, or a vector of names to pass on; without it there are PATH, HOME and the like, and no keys"
                ), timeout,
                Param(.graceMs, .int, "milliseconds between SIGTERM and SIGKILL"),
                Param(.maxBytes, .int, "the most to keep of each output"),
                Param(.isCheck, .bool, "an exit code other than 0 is an error"),
            ], needs: [.run, .read, .env], recovery: .fail),
        EffectRow(
            "stdin/line", "the next line of standard input without its break, nil at the end", [], recovery: .fail,
            waits: true),
        EffectRow("time/sleep", "waits", [Param(.ms, .int, required: true, "milliseconds")], waits: true),
        EffectRow("log/info", "prints [INFO], the message and its data", message),
        EffectRow("log/warn", "prints [WARN], the message and its data", message),
        EffectRow("log/error", "prints [ERROR], the message and its data", message),
        EffectRow(
            "env/get", "the value of an environment variable, or nil",
            [Param(.name, .string, required: true, "such as HOME")], needs: [.env]),
    ]
}

;; Writes edn.txt anew: each input again, with what clojure.edn makes of it. Run it here: clojure record.clj
;; `INPUT ;=> VALUE` is a value, `INPUT ;=!>` an error and `INPUT ;=.` a text without any form; ␤ is a line break.
(require '[clojure.edn :as edn] '[clojure.string :as str])

(defn verdict [input]
  (try
    (let [value (edn/read-string {:eof ::none :default tagged-literal} (str/replace input "␤" "\n"))]
      (if (= value ::none) ";=." (str ";=> " (str/replace (pr-str value) "\n" "␤"))))
    (catch Throwable _ ";=!>")))

(spit "edn.txt"
      (str/join (for [line (str/split-lines (slurp "edn.txt"))]
                  (if (str/starts-with? line "%%")
                    (str line "\n")
                    (let [input (str/replace line #" ;=(>.*|!>|\.)$" "")]
                      (str input " " (verdict input) "\n"))))))

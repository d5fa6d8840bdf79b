module github.com/legivellum/metagate/component

go 1.24
